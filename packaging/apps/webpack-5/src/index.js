import { show } from './detect.js';

show('/public/astronaut.jpg');
