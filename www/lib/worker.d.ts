/** Answers detectors of the page from now on. The import has done so already; the call keeps bundlers from leaving it out. */
export function serve(): void;
