'use client';

import { useEffect } from 'react';
import { show } from './detect.js';

export default function Page() {
  useEffect(() => {
    show('/shop/photos/astronaut.jpg');
  }, []);
  return <h1>Objects in a photo</h1>;
}
