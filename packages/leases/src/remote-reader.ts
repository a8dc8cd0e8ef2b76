import { type Clock, createEmitter, VigilError } from "@vigil/shared";
import { checkQuestion } from "./lease-request.js";
import type { LeaseReader, LeaseReading } from "./lease-store.js";
import type { LeaseQuestion, RemoteAnswer } from "./remote-question.js";

export type { LeaseQuestion, RemoteAnswer } from "./remote-question.js";

/** Most questions without an answer: a part asks every 10 ms at the fastest, and no useful window waits for 64 of them. */
export const MAX_OPEN_QUESTIONS = 64;

export interface RemoteReaderDeps {
  readonly clock: Clock;
  /** Puts a question on the path. Throws when there is none. */
  send(question: LeaseQuestion): void;
}

/** A reader without I/O: whoever owns the socket feeds it. */
export interface RemoteReader {
  readonly reader: LeaseReader;
  /** An answer came. One that is late, or to a question never asked, is ignored. */
  receive(answer: RemoteAnswer): void;
  /** A pushed end came. */
  receiveEnd(id: string): void;
  /** The path is gone: every open question fails at once. Questions asked on the next path are new ones. */
  disconnected(): void;
}

interface OpenQuestion {
  resolve(reading: LeaseReading): void;
  reject(error: VigilError): void;
}

/** LeaseReader of a part whose gateway serves the store ("leases": {"store": "gateway"}). */
export function createRemoteReader(deps: RemoteReaderDeps, options: { readonly timeoutMs: number }): RemoteReader {
  const { clock } = deps;
  const open = new Map<number, OpenQuestion>();
  const pushed = createEmitter<{ end: string }>();
  let lastQuestionId = 0;

  function ask(ids: readonly string[]): Promise<LeaseReading> {
    if (open.size >= MAX_OPEN_QUESTIONS) throw away("too many questions are without an answer");
    const questionId = ++lastQuestionId;
    return new Promise<LeaseReading>((resolve, reject) => {
      let timer = clock.after(options.timeoutMs, () => {
        // One more turn: after a pause of this process the timer runs before the socket, in which the answer may lie.
        timer = clock.after(0, () => settle()?.reject(away(`no answer within ${options.timeoutMs} ms`)));
      });
      const settle = () => {
        timer.cancel();
        const question = open.get(questionId);
        open.delete(questionId);
        return question;
      };
      open.set(questionId, {
        resolve: (reading) => {
          settle();
          resolve(reading);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      try {
        deps.send({ questionId, ids });
      } catch (error) {
        open.get(questionId)?.reject(away("there is no path to the gateway", error));
      }
    });
  }

  return {
    reader: {
      async read(ids) {
        checkQuestion(ids);
        return ask(ids);
      },
      onEnd: (listener) => pushed.on("end", listener),
    },
    receive(answer) {
      const question = open.get(answer.questionId);
      if (!question) return;
      if ("reading" in answer) question.resolve(answer.reading);
      else question.reject(new VigilError(answer.error.reason, answer.error.message));
    },
    receiveEnd: (id) => pushed.emit("end", id),
    disconnected() {
      for (const question of [...open.values()]) question.reject(away("the path to the gateway is gone"));
    },
  };
}

function away(why: string, cause?: unknown): VigilError {
  return new VigilError("store_unavailable", `the lease store is away: ${why}`, { cause });
}
