// Output lines of GPIO character devices, version 2 of the kernel's interface (Linux 5.10; include/uapi/linux/gpio.h).
// No import of the house: the sentinel uses this.

/** Does one ioctl; the argument is read and written in place. Returns 0, or the name of the error, such as "ENOTTY". */
export type Ioctl = (fd: number, request: number, argument: Uint8Array) => 0 | string;

/** _IOWR(0xB4, number, size), as x86 and ARM encode it. */
const readWrite = (number: number, size: number) => ((3 << 30) | (size << 16) | (0xb4 << 8) | number) >>> 0;

/** sizeof(struct gpio_v2_line_request) and the offsets of what is set in it. */
const REQUEST_BYTES = 592;
const OFFSETS_AT = 0;
const CONSUMER_AT = 256;
const CONFIG_FLAGS_AT = 288;
const CONFIG_NUM_ATTRS_AT = 296;
const ATTRIBUTE_ID_AT = 320;
const ATTRIBUTE_VALUES_AT = 328;
const ATTRIBUTE_MASK_AT = 336;
const NUM_LINES_AT = 560;
const FD_AT = 588;
/** sizeof(struct gpio_v2_line_values): bits, mask. */
const VALUES_BYTES = 16;

export const GPIO_V2_GET_LINE = readWrite(0x07, REQUEST_BYTES);
export const GPIO_V2_LINE_SET_VALUES = readWrite(0x0f, VALUES_BYTES);

const FLAG_ACTIVE_LOW = 1n << 1n;
const FLAG_OUTPUT = 1n << 3n;
const ATTRIBUTE_OUTPUT_VALUES = 2;
/** Whom gpioinfo names as the line's user. */
const CONSUMER = "vigil";
/** Structures are in the byte order of the machine. */
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** struct gpio_v2_line_request for one output line that is `active` or not from the first instant. */
export function encodeLineRequest(line: number, activeLow: boolean, active: boolean): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(OFFSETS_AT, line, LITTLE);
  bytes.set(Buffer.from(CONSUMER, "latin1"), CONSUMER_AT);
  view.setBigUint64(CONFIG_FLAGS_AT, FLAG_OUTPUT | (activeLow ? FLAG_ACTIVE_LOW : 0n), LITTLE);
  view.setUint32(CONFIG_NUM_ATTRS_AT, 1, LITTLE);
  view.setUint32(ATTRIBUTE_ID_AT, ATTRIBUTE_OUTPUT_VALUES, LITTLE);
  view.setBigUint64(ATTRIBUTE_VALUES_AT, active ? 1n : 0n, LITTLE);
  view.setBigUint64(ATTRIBUTE_MASK_AT, 1n, LITTLE);
  view.setUint32(NUM_LINES_AT, 1, LITTLE);
  return bytes;
}

/** The handle that the kernel has put into an answered request. */
export function lineHandleOf(request: Uint8Array): number {
  return new DataView(request.buffer, request.byteOffset).getInt32(FD_AT, LITTLE);
}

/** struct gpio_v2_line_values for the one line of a handle. */
export function encodeLineValues(active: boolean): Uint8Array {
  const bytes = new Uint8Array(VALUES_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, active ? 1n : 0n, LITTLE);
  view.setBigUint64(8, 1n, LITTLE);
  return bytes;
}

let loaded: Promise<Ioctl> | undefined;

/** The C library's ioctl. Loaded before it is needed: an emergency has no time for it. */
export function loadIoctl(): Promise<Ioctl> {
  loaded ??= import("koffi").then(({ default: koffi }): Ioctl => {
    // Declared with a fixed argument, which is how x86 and ARM pass the variable one of ioctl() too.
    const ioctl = koffi.load("libc.so.6").func("int ioctl(int fd, unsigned long request, _Inout_ void *argument)");
    const names = new Map(Object.entries(koffi.os.errno).map(([name, code]) => [code, name]));
    return (fd, request, argument) => {
      if (ioctl(fd, request, argument) !== -1) return 0;
      const code = koffi.errno();
      return names.get(code) ?? `error ${code}`;
    };
  });
  return loaded;
}
