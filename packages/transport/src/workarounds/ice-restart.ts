import type { CandidatePairView, DtlsTransport } from "../werift-internals.js";

/**
 * Defect: an offer that restarts ICE takes werift's chosen path away at once, so that the answer, which travels over
 * that very path, never arrives; and werift starts no new checks when DTLS is already connected. The old path carries
 * on until a new one is chosen, and the checks are started here.
 */
export interface IceRestart {
  /** Whether datagrams from there are still those of the path before the restart. */
  isFormerPath(ip: string, port: number): boolean;
  /** To be called once both descriptions are set. */
  onNegotiated(): void;
}

export function surviveIceRestart(transport: DtlsTransport, onFailed: (error: unknown) => void): IceRestart {
  const { connection } = transport.iceTransport;
  const send = connection.send;
  let generation = connection.generation;
  let former: CandidatePairView | undefined;

  connection.send = (data) => {
    if (connection.nominated) former = connection.nominated;
    const mayUseFormer = connection.nominated ? connection.canSendApplicationData() : connection.state !== "closed";
    return former && mayUseFormer ? former.protocol.sendData(data, former.remoteAddr) : send(data);
  };

  return {
    isFormerPath: (ip, port) => !connection.nominated && former?.remoteAddr[0] === ip && former.remoteAddr[1] === port,
    onNegotiated() {
      const isRestarted = connection.generation !== generation && transport.state === "connected";
      generation = connection.generation;
      if (isRestarted) transport.iceTransport.start().catch(onFailed);
    },
  };
}
