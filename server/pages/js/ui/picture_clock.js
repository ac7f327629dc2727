// The moment that the picture on screen shows, Unix ms by the stream's program date-time; null when it does not say.

export const picture = { at: () => null };
