import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Detector } from 'ghostdet';

function Photo({ src }) {
  const [detections, setDetections] = useState([]);
  useEffect(() => {
    const control = new AbortController();
    const { signal } = control;
    (async () => {
      const detector = await Detector.load({ signal });
      try {
        const result = await detector.detect(src, { signal });
        setDetections(result.detections);
        globalThis.packaging = { ...result, device: detector.info.device.kind, worker: detector.info.worker };
      } finally {
        detector.dispose();
      }
    })().catch((error) => {
      // The first of the two mounts is taken back at once.
      if (!signal.aborted) globalThis.packaging = { error: `${error.code}: ${error.message}` };
    });
    return () => control.abort();
  }, [src]);
  return (
    <figure>
      <img src={src} alt="" />
      <figcaption>{detections.map(({ label }) => label).join(', ')}</figcaption>
    </figure>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Photo src="/astronaut.jpg" />
  </StrictMode>,
);
