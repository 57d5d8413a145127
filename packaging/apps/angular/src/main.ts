import { Component } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { show } from './detect.js';

@Component({ selector: 'app-root', template: '<h1>Objects in a photo</h1>' })
class App {
  constructor() {
    show('/astronaut.jpg');
  }
}

bootstrapApplication(App).catch((error) => console.error(error));
