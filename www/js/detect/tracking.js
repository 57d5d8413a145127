// Tracks and counts: filled in with the package's tracker.
export const options = () => ({});
