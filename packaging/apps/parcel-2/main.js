import { show } from './detect.js';

show(new URL('astronaut.jpg', import.meta.url).href);
