/** Cuts what a serial port receives into lines; whatever comes, it keeps no more than one line of `maxLength`. */
export interface LineSplitter {
  push(text: string): void;
  /** Forgets the line that has begun. */
  reset(): void;
}

export function createLineSplitter(onLine: (line: string) => void, { maxLength }: { maxLength: number }): LineSplitter {
  let begun = "";
  /** The line is too long: skip what is left of it. */
  let skipping = false;
  return {
    push(text) {
      const lines = text.split(/[\r\n]/);
      const last = lines.pop()!;
      for (const part of lines) {
        const line = begun + part;
        begun = "";
        if (!skipping && line !== "" && line.length <= maxLength) onLine(line);
        skipping = false;
      }
      begun += last;
      if (begun.length > maxLength) {
        begun = "";
        skipping = true;
      }
    },
    reset() {
      begun = "";
      skipping = false;
    },
  };
}
