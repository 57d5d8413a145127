import photo from './astronaut.jpg';
import { show } from './detect.js';

show(photo);
