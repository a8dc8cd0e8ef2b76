import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * Wall clock of a child process, held in a file that the child maps: `offset` is added to the real time, and `frozen`,
 * when it is not 0, replaces it. Both in microseconds. (libfaketime breaks Redis 7; this touches nothing but the two
 * calls that read CLOCK_REALTIME.)
 */
const SHIM_SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *page;

__attribute__((constructor)) static void map_page(void) {
  const char *path = getenv("CLOCK_SHIM_FILE");
  int fd = path ? open(path, O_RDONLY) : -1;
  void *mapped = fd < 0 ? MAP_FAILED : mmap(0, 16, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) abort();
  close(fd);
  page = mapped;
}

static int64_t shifted_us(void) {
  struct timespec t;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
  if (page && page[1]) return page[1];
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + (page ? page[0] : 0);
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
  (void)tz;
  int64_t us = shifted_us();
  tv->tv_sec = us / 1000000;
  tv->tv_usec = us % 1000000;
  return 0;
}

int clock_gettime(clockid_t id, struct timespec *t) {
  if (id != CLOCK_REALTIME) return syscall(SYS_clock_gettime, id, t);
  int64_t us = shifted_us();
  t->tv_sec = us / 1000000;
  t->tv_nsec = (us % 1000000) * 1000;
  return 0;
}

time_t time(time_t *out) {
  time_t s = shifted_us() / 1000000;
  if (out) *out = s;
  return s;
}
`;

export interface ClockShim {
  /** For the child's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The child's wall clock is the machine's plus this, at once. */
  stepTo(offsetMs: number): void;
  /** The child's wall clock stands at this instant (ms since the epoch), at once. */
  freezeAt(wallMs: number): void;
  close(): void;
}

/** Compiles the shim into `dir`. Undefined when there is no C compiler. */
export function createClockShim(dir: string): ClockShim | undefined {
  const source = join(dir, "clock-shim.c");
  const library = join(dir, "clock-shim.so");
  const page = join(dir, "clock-shim.page");
  writeFileSync(source, SHIM_SOURCE);
  writeFileSync(page, Buffer.alloc(16));
  try {
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const fd = openSync(page, "r+");
  const write = (index: number, us: number) => {
    const cell = Buffer.alloc(8);
    cell.writeBigInt64LE(BigInt(Math.round(us)));
    writeSync(fd, cell, 0, 8, index * 8);
  };
  return {
    env: { LD_PRELOAD: library, CLOCK_SHIM_FILE: page },
    stepTo(offsetMs) {
      write(1, 0);
      write(0, offsetMs * 1000);
    },
    freezeAt: (wallMs) => write(1, wallMs * 1000),
    close: () => closeSync(fd),
  };
}
