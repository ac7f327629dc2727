// Named listeners. A listener that throws is reported and does not keep the others from hearing the event.

export class Emitter {
  #listeners = new Map();

  /** Registers `fn` for `type`; returns the function that takes it off again. */
  on(type, fn) {
    const set = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, set.add(fn));
    return () => set.delete(fn);
  }

  emit(type, ...args) {
    for (const fn of [...(this.#listeners.get(type) ?? [])]) {
      try {
        fn(...args);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

const reportError = globalThis.reportError ?? ((error) => console.error(error));
