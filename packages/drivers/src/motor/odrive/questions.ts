import { type Clock, type Timer, VigilError } from "@vigil/shared";
import { decodeLine, encodeLine, isComplaint, isSyncAnswer, SYNC_QUESTION } from "./protocol.js";

/** Questions to a drive, one at a time: its answers carry no name, only their order says what they answer. */
export interface Questions {
  /**
   * Asks, and reads the answer with `parse` (undefined: not an answer to this).
   * @throws VigilError("driver") no answer, or the drive does not know it; VigilError("limit") too many wait already.
   */
  ask<T>(question: string, parse: (reply: string) => T | undefined, options?: AskOptions): Promise<T>;
  /** A line came. */
  receive(line: string): void;
  /** Drops whatever answers are still under way: asks what only one answer fits. */
  synchronise(): void;
  /** Ends all of it. */
  fail(error: VigilError): void;
  waiting(): number;
}

export interface AskOptions {
  /** Goes before all others that wait, and is never too many. */
  readonly urgent?: boolean;
}

export interface QuestionsDeps {
  readonly clock: Clock;
  /** Hands text to the port at once. @throws VigilError */
  send(text: string): void;
  /** The drive does not answer any more. */
  silent(error: VigilError): void;
}

/** More questions than these in line would wait longer than anybody wants to know: two axes ask three at a time. */
export const MAX_WAITING_QUESTIONS = 32;
/** A UART at 115,200 Bd and a USB adapter's latency timer give an answer within 30 ms; the rest is a busy computer. */
export const ANSWER_TIMEOUT_MS = 200;
/** When the timeout's own turn was late, what lies in the port's buffer is read in the next turns. */
const GRACE_MS = 20;
/** Times in a row that the drive may leave the synchronising question without an answer. */
const MAX_SYNC_ATTEMPTS = 3;

interface Question {
  readonly text: string;
  /** False: the reply is no answer to it. */
  take(reply: string): boolean;
  reject(error: VigilError): void;
}

export function createQuestions({ clock, send, silent }: QuestionsDeps): Questions {
  const queue: Question[] = [];
  let asked: Question | undefined;
  let syncAttempts = 0;
  let timer: Timer | undefined;

  const settle = () => {
    timer?.cancel();
    timer = undefined;
    asked = undefined;
  };
  const arm = (expired: () => void) => {
    timer?.cancel();
    timer = clock.after(ANSWER_TIMEOUT_MS, () => {
      timer = clock.after(GRACE_MS, expired);
    });
  };
  const next = () => {
    while (!asked && syncAttempts === 0) {
      const question = queue.shift();
      if (!question) return;
      try {
        send(encodeLine(question.text));
      } catch (error) {
        question.reject(VigilError.from(error, "driver"));
        continue;
      }
      asked = question;
      arm(() => {
        settle();
        question.reject(new VigilError("driver", `the drive gave no answer to "${question.text}"`));
        synchronise();
      });
    }
  };
  const synchronise = () => {
    settle();
    syncAttempts += 1;
    if (syncAttempts > MAX_SYNC_ATTEMPTS) {
      silent(new VigilError("driver", "the drive does not answer; check its supply, cable and baud rate"));
      return;
    }
    arm(synchronise);
    try {
      send(encodeLine(SYNC_QUESTION));
    } catch {
      // The port is full or gone: the timer tries again, or the port's loss ends all of this.
      return;
    }
  };

  return {
    ask: (text, parse, { urgent = false } = {}) =>
      new Promise((resolve, reject) => {
        const question: Question = {
          text,
          reject,
          take(reply) {
            const answer = parse(reply);
            if (answer !== undefined) resolve(answer);
            return answer !== undefined;
          },
        };
        if (urgent) queue.unshift(question);
        else if (queue.length < MAX_WAITING_QUESTIONS) queue.push(question);
        else return reject(new VigilError("limit", "too many questions wait for the drive; ask less often"));
        next();
      }),
    receive(line) {
      const reply = decodeLine(line);
      if (reply === undefined) return;
      if (syncAttempts > 0) {
        if (!isSyncAnswer(reply)) return;
        syncAttempts = 0;
        settle();
      } else if (asked && isComplaint(reply)) {
        // It may be meant for a command that went before, and then the answer is still to come.
        const question = asked;
        settle();
        question.reject(new VigilError("driver", `the drive answers "${reply}" to "${question.text}"`));
        synchronise();
        return;
      } else if (asked?.take(reply)) {
        settle();
      }
      next();
    },
    synchronise,
    fail(error) {
      const asking = asked ? [asked, ...queue] : [...queue];
      settle();
      syncAttempts = 0;
      queue.length = 0;
      for (const question of asking) question.reject(error);
    },
    waiting: () => queue.length,
  };
}
