/** TCSANOW of termios.h: at once, without waiting for what is still to be sent. */
const NOW = 0;
/** More than sizeof(struct termios) on any Linux (60 bytes with glibc). */
const TERMIOS_BYTES = 128;

interface Termios {
  tcgetattr(fd: number, settings: Buffer): number;
  cfmakeraw(settings: Buffer): void;
  cfsetspeed(settings: Buffer, baudRate: number): number;
  tcsetattr(fd: number, when: number, settings: Buffer): number;
}

let loaded: Promise<Termios> | undefined;

/** Loads what {@link setSerialSpeed} needs, so that an emergency does not wait for it. */
export function loadTermios(): Promise<Termios> {
  loaded ??= import("koffi").then(({ default: koffi }) => {
    const libc = koffi.load("libc.so.6");
    return {
      tcgetattr: libc.func("int tcgetattr(int fd, _Inout_ void *settings)"),
      cfmakeraw: libc.func("void cfmakeraw(_Inout_ void *settings)"),
      cfsetspeed: libc.func("int cfsetspeed(_Inout_ void *settings, uint32 speed)"),
      tcsetattr: libc.func("int tcsetattr(int fd, int when, const void *settings)"),
    };
  });
  return loaded;
}

/**
 * Makes a terminal device raw (no translation of line ends, no echo) at this speed.
 * @throws Error if it is no terminal, or has no such speed.
 */
export async function setSerialSpeed(fd: number, baudRate: number): Promise<void> {
  const termios = await loadTermios();
  const settings = Buffer.alloc(TERMIOS_BYTES);
  if (termios.tcgetattr(fd, settings) !== 0) throw new Error("it is no serial port, so it has no baud rate");
  termios.cfmakeraw(settings);
  // glibc takes the number itself as well as the constant for it.
  if (termios.cfsetspeed(settings, baudRate) !== 0) throw new Error(`${baudRate} is no baud rate`);
  if (termios.tcsetattr(fd, NOW, settings) !== 0) throw new Error(`it cannot be set to ${baudRate} baud`);
}
