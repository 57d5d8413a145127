import { show } from './detect.js';

show('./astronaut.jpg');
