import { writeSync } from "node:fs";
import { VigilError } from "@vigil/shared";

/** A serial port that takes bytes in the turn in which they are given, or refuses them. */
export interface SerialPort {
  readonly isOpen: boolean;
  /**
   * Hands all bytes to the kernel before it returns. After part of a text was taken (`onTorn` then says what goes
   * before the next one) or none, it throws: nothing is kept back to be sent later, when its right to act may be over.
   * @throws VigilError("driver")
   */
  write(text: string): void;
  close(): void;
}

export interface SerialPortEvents {
  data(text: string): void;
  /** Once, however it ended; never after `close`. */
  lost(error: VigilError): void;
}

export interface SerialPortOptions {
  readonly path: string;
  readonly baudRate: number;
  /** Sent before the next text when only a part of one was taken: makes the device drop that part. */
  readonly tornLineEnd: string;
}

/** Codes of a write that the kernel has no room for. */
const FULL = new Set(["EAGAIN", "EWOULDBLOCK"]);

/**
 * Opens a port with 8 data bits, no parity, one stop bit. The package `serialport` opens, sets and reads it; it is
 * loaded at the first opening, so that a part without serial devices needs no native code.
 * @throws VigilError("driver") that says why it cannot be opened.
 */
export async function openSerialPort(events: SerialPortEvents, options: SerialPortOptions): Promise<SerialPort> {
  const { path, baudRate, tornLineEnd } = options;
  const { SerialPort: NativePort } = await import("serialport");
  const native = new NativePort({ path, baudRate, autoOpen: false });
  let over = false;
  let torn = false;

  const failure = (what: string, cause: unknown) =>
    new VigilError("driver", `serial port ${path} ${what}: ${ascii(cause)}; check the cable and serial_path`, {
      cause,
    });
  const release = () => {
    over = true;
    // Its callback takes the error of a port that is closed already.
    native.close(() => undefined);
  };
  const lose = (error: VigilError) => {
    if (over) return;
    release();
    events.lost(error);
  };
  // The package writes through a thread pool, after this turn. Its descriptor is read anew each time: it is taken away
  // in the turn in which closing begins, before the number can mean another file.
  const descriptor = (): number | undefined => {
    const binding = native.port;
    if (over || !binding?.isOpen || !("fd" in binding) || process.platform === "win32") return undefined;
    return binding.fd ?? undefined;
  };

  await new Promise<void>((resolve, reject) => {
    native.open((error) => (error ? reject(failure("cannot be opened", error)) : resolve()));
  });
  native.on("data", (bytes: Buffer) => {
    if (!over) events.data(bytes.toString("latin1"));
  });
  native.on("error", (error) => lose(failure("failed", error)));
  native.on("close", (error: unknown) => lose(failure("was closed", error ?? "the device is gone")));

  return {
    get isOpen() {
      return descriptor() !== undefined;
    },
    write(text) {
      const fd = descriptor();
      if (fd === undefined) throw failure("cannot be written", "it is closed");
      const bytes = Buffer.from(torn ? tornLineEnd + text : text, "latin1");
      let taken: number;
      try {
        taken = writeSync(fd, bytes);
      } catch (error) {
        const failed = failure("cannot be written", error);
        if (!FULL.has(String((error as NodeJS.ErrnoException).code))) lose(failed);
        throw failed;
      }
      torn = taken < bytes.length;
      if (torn) throw failure("cannot be written", "its device takes no more bytes");
    },
    close() {
      if (!over) release();
    },
  };
}

/** What an error says, in ASCII. */
function ascii(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replace(/[^\x20-\x7e]/g, "?");
}
