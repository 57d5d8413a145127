import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useDetector } from 'ghostdet/react';

function Photo({ src }) {
  const { detector, status, error } = useDetector({ size: 320 });
  const [found, setFound] = useState([]);
  const look = async ({ currentTarget }) => {
    const result = await detector.detect(currentTarget);
    setFound(result.detections);
    globalThis.packaging = { ...result, device: detector.info.device.kind, worker: detector.info.worker };
  };
  if (error) globalThis.packaging = { error: `${error.code}: ${error.message}` };
  if (status === 'loading') return <p>Loading…</p>;
  if (error) return <p>{error.message}</p>;
  return (
    <figure>
      <img src={src} alt="" onLoad={look} />
      <figcaption>{found.map(({ label }) => label).join(', ')}</figcaption>
    </figure>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Photo src="/astronaut.jpg" />
  </StrictMode>,
);
