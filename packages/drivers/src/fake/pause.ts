import { type Clock, VigilError } from "@vigil/shared";

/** Waits `ms`, or rejects as soon as `signal` aborts. Leaves neither timer nor listener behind. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortError(signal));
      return;
    }
    const onAbort = () => {
      timer.cancel();
      if (signal) reject(abortError(signal));
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The error with which a call ends whose signal aborted: the reason given, if it is one of ours. */
export function abortError(signal: AbortSignal): VigilError {
  const reason: unknown = signal.reason;
  return reason instanceof VigilError ? reason : new VigilError("cancelled", "the operation was cancelled");
}

/** What `promise` gives, or a rejection as soon as `signal` aborts. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
