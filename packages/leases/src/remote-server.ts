import { VigilError } from "@vigil/shared";
import type { LeaseReader } from "./lease-store.js";
import type { LeaseQuestion, RemoteAnswer } from "./remote-question.js";

/** The gateway's end of the path on which parts ask. Pushed ends are the store's own `onEnd`. */
export interface RemoteServer {
  /** Never rejects: what goes wrong is in the answer. */
  handle(question: LeaseQuestion): Promise<RemoteAnswer>;
}

/**
 * Serves any store to parts. Answers may overtake one another: each names its question. The bounds on a question
 * (MAX_QUESTION_IDS, MAX_ID_LENGTH) are the store's own.
 */
export function createRemoteServer(store: LeaseReader): RemoteServer {
  return {
    async handle({ questionId, ids }) {
      try {
        return { questionId, reading: await store.read(ids) };
      } catch (error) {
        const { reason, message } = VigilError.from(error);
        return { questionId, error: { reason, message } };
      }
    },
  };
}
