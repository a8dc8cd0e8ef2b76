import type { DtlsObject } from "../werift-internals.js";

/**
 * Defect: as DTLS client werift sleeps 100 ms before its ClientHello. `connect` is called in the next microtask, when
 * werift has subscribed its handlers; its own later call gets the same promise.
 */
export function connectAtOnce(dtls: DtlsObject, onError: (error: unknown) => void): void {
  if (!dtls.connect) return;
  const connect = dtls.connect.bind(dtls);
  let started: Promise<void> | undefined;
  dtls.connect = () => {
    started ??= connect();
    return started;
  };
  queueMicrotask(() => dtls.connect?.().catch(onError));
}
