#!/usr/bin/env python3
"""An ODrive v3 (firmware 0.5, two axes) on a pseudo-terminal: the hardware of tests and benchmarks.

It speaks the ASCII protocol as the drive does, checksums included, and turns without inertia: a velocity follows its
setpoint as a first order lag. Commands of a test come on stdin, one a line, and are answered on stdout:

  unplug | plug          close the terminal and remove its link | make both anew
  freeze on|off          read nothing from the port (its buffers fill) | read again
  mute N                 drop the next N replies; -1: all
  lose N                 drop the next N velocity commands, as if damaged on their way
  noise on|off           put garbage before each reply
  garbage                send a burst of garbage now
  fault AXIS PART VALUE  set axis | motor | encoder | controller .error, as a defect would
  uncalibrate AXIS       closed loop is refused from now on
  reboot                 forget every setting, as after a loss of supply
  state                  answer with what both axes do

End of file on stdin ends it, so that it does not outlive its test.
"""

import argparse
import json
import math
import os
import pty
import re
import select
import sys
import time
import tty

AXES = 2
IDLE, CLOSED_LOOP = 1, 8
VELOCITY_CONTROL, POSITION_CONTROL = 2, 3
PASSTHROUGH, TRAP_TRAJ = 1, 5
INVALID_STATE, MOTOR_FAILED, ENCODER_FAILED, CONTROLLER_FAILED, WATCHDOG_EXPIRED = 0x1, 0x40, 0x100, 0x200, 0x800
MAX_LINE = 256
STEP_S = 0.002
# Above this an axis counts as moving, in turns per second: what can be told from an encoder's noise.
STILL = 0.05
# Velocity per turn of position error.
POSITION_GAIN = 20.0
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
ERROR_BITS = {"motor": MOTOR_FAILED, "encoder": ENCODER_FAILED, "controller": CONTROLLER_FAILED}


class Axis:
    def __init__(self, number, options, note):
        self.number = number
        self.options = options
        self.note = note
        self.pos = 0.0
        self.vel = 0.0
        self.calibrated = True
        self.moving = False
        self.reset()

    def reset(self):
        self.state = IDLE
        self.errors = {"axis": 0, "motor": 0, "encoder": 0, "controller": 0}
        self.control_mode = POSITION_CONTROL
        self.input_mode = PASSTHROUGH
        self.input_pos = self.pos_setpoint = self.pos
        self.input_vel = self.vel_setpoint = 0.0
        self.vel_limit = 1000.0
        self.trap_vel_limit, self.trap_accel, self.trap_decel = 2.0, self.options.accel, self.options.accel
        self.goal = None
        self.watchdog_timeout = 0.0
        self.watchdog_enabled = False
        self.watchdog_due = 0.0

    def feed(self):
        self.watchdog_due = time.monotonic() + self.watchdog_timeout

    def set_control_mode(self, mode):
        self.control_mode = mode
        if mode == POSITION_CONTROL:
            self.input_pos = self.pos_setpoint = self.pos

    def request_state(self, state):
        self.errors["axis"] &= ~INVALID_STATE
        if state == CLOSED_LOOP:
            if not self.calibrated:
                self.errors["axis"] |= INVALID_STATE
                self.enter(IDLE)
                return
            self.feed()
            self.set_control_mode(self.control_mode)
        self.enter(CLOSED_LOOP if state == CLOSED_LOOP else IDLE)

    def enter(self, state):
        if state == self.state:
            return
        self.state = state
        self.note(self.number, "closed_loop" if state == CLOSED_LOOP else "idle")

    def check(self, now):
        if self.watchdog_enabled and now >= self.watchdog_due and not self.errors["axis"] & WATCHDOG_EXPIRED:
            self.errors["axis"] |= WATCHDOG_EXPIRED
            self.note(self.number, "watchdog")
        for part, bit in ERROR_BITS.items():
            if self.errors[part]:
                self.errors["axis"] |= bit
        if self.errors["axis"]:
            self.enter(IDLE)

    def step(self, dt):
        if self.input_mode == TRAP_TRAJ:
            self.follow_trajectory(dt)
        else:
            self.pos_setpoint, self.vel_setpoint = self.input_pos, self.input_vel
        if self.state == CLOSED_LOOP:
            wanted = self.vel_setpoint
            if self.control_mode == POSITION_CONTROL:
                wanted += POSITION_GAIN * (self.pos_setpoint - self.pos)
            wanted = max(-self.vel_limit, min(self.vel_limit, wanted))
            lag = self.options.lag_ms / 1000
        else:
            wanted, lag = 0.0, self.options.coast_ms / 1000
        self.vel += (wanted - self.vel) * (1 - math.exp(-dt / lag))
        if abs(self.vel) < 1e-4 and wanted == 0:
            self.vel = 0.0
        self.pos += self.vel * dt
        moving = abs(self.vel) > STILL
        if moving != self.moving:
            self.moving = moving
            self.note(self.number, "moving" if moving else "still", {"pos": round(self.pos, 4)})

    def follow_trajectory(self, dt):
        if self.goal is None:
            return
        left = self.goal - self.pos_setpoint
        fastest = min(self.trap_vel_limit, math.sqrt(2 * self.trap_decel * abs(left)))
        wanted = math.copysign(fastest, left)
        change = self.trap_accel * dt
        self.vel_setpoint += max(-2 * change, min(change * 2, wanted - self.vel_setpoint))
        ahead = self.vel_setpoint * dt
        if abs(left) <= max(abs(ahead), 1e-4):
            self.pos_setpoint, self.vel_setpoint, self.goal = self.goal, 0.0, None
        else:
            self.pos_setpoint += ahead

    def busy(self):
        return self.vel != 0 or self.state == CLOSED_LOOP


class Drive:
    def __init__(self, options):
        self.options = options
        self.log = os.open(options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if options.log else None
        self.axes = [Axis(number, options, self.note) for number in range(AXES)]
        self.system_error = 0
        self.master = self.slave = None
        self.frozen = False
        self.mute = 0
        self.lose = 0
        self.noise = False
        self.received = b""
        self.reading = True

    # ---- what happened

    def record(self, device, command, args=None):
        if self.log is None:
            return
        line = {"t": time.monotonic_ns() / 1e6, "device": self.options.name + device, "command": command}
        os.write(self.log, (json.dumps({**line, "args": args or {}}) + "\n").encode())

    def note(self, axis, command, args=None):
        self.record(f"axis{axis}", command, args)

    # ---- the terminal

    def plug(self):
        if self.master is not None:
            return
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        fresh = self.options.path + ".new"
        os.symlink(os.ttyname(self.slave), fresh)
        os.replace(fresh, self.options.path)
        self.received, self.reading = b"", True
        self.record("port", "plugged")

    def unplug(self):
        if self.master is None:
            return
        os.unlink(self.options.path)
        os.close(self.master)
        os.close(self.slave)
        self.master = self.slave = None
        self.record("port", "unplugged")

    def receive(self):
        try:
            self.received += os.read(self.master, 4096)
        except BlockingIOError:
            return
        while True:
            match = re.search(rb"[\r\n!]", self.received)
            if not match:
                break
            line, self.received = self.received[: match.start()], self.received[match.end() :]
            if self.reading:
                self.process(line.decode("latin-1"))
            self.reading = True
        if len(self.received) >= MAX_LINE:
            self.received, self.reading = b"", False

    def send(self, data):
        try:
            os.write(self.master, data)
        except OSError:
            self.record("port", "reply_lost")

    def reply(self, text, checked):
        if self.mute != 0:
            self.mute -= 1 if self.mute > 0 else 0
            return
        if self.noise:
            self.send(b"\xff\x00~#17\r\n 3.1")
            self.send(b"\r\n")
        self.send((f"{text}*{xor(text)}" if checked else text).encode("latin-1") + b"\r\n")

    # ---- the protocol

    def process(self, raw):
        text = raw.split(";")[0]
        command, star, given = text.partition("*")
        if star:
            number = re.match(r"\s*(\d+)", given)
            if not number or int(number[1]) != xor(command):
                self.record("port", "void", {"line": raw})
                return
        if command.startswith("v") and self.lose > 0:
            self.lose -= 1
            self.record("port", "void", {"line": raw})
            return
        if command == "":
            self.reply("unknown command", bool(star))
            return
        axis = re.match(r"[pqvctfu] (\d+)", command) or re.match(r"[rw] axis(\d)", command)
        self.record(f"axis{axis[1]}" if axis else "odrive", "line", {"line": command})
        for each in self.axes:
            # The drive's own loop runs many times between two lines.
            each.step(0)
        answer = self.execute(command)
        for line in [answer] if isinstance(answer, str) else answer or []:
            self.reply(line, bool(star))

    def execute(self, command):
        handler = {"p": self.do_p, "v": self.do_v, "t": self.do_t, "f": self.do_f, "u": self.do_u}.get(command[0])
        if handler:
            return self.on_axis(command, handler)
        if command[0] == "r":
            return self.read(command[1:].strip())
        if command[0] == "w":
            name, _, value = command[1:].strip().partition(" ")
            return self.write(name, value)
        if command[0] == "s":
            return self.system(command[1:2])
        if command[0] == "i":
            return ["Hardware version: 3.6-56V", "Firmware version: 0.5.6", "Serial number: 000000000000"]
        return "unknown command"

    def on_axis(self, command, handler):
        numbers = re.match(rf"\w\s+(\d+)(?:\s+({NUMBER}))?(?:\s+({NUMBER}))?", command)
        if not numbers or (numbers[2] is None and command[0] in "pvt"):
            return "invalid command format"
        if int(numbers[1]) >= AXES:
            return f"invalid motor {numbers[1]}"
        axis = self.axes[int(numbers[1])]
        answer = handler(axis, *(float(number) for number in numbers.groups()[1:] if number is not None))
        if command[0] != "f":
            axis.feed()
        return answer

    def do_p(self, axis, position, velocity=None):
        axis.control_mode, axis.input_pos, axis.goal = POSITION_CONTROL, position, position
        if velocity is not None:
            axis.input_vel = velocity

    def do_v(self, axis, velocity, _torque=None):
        axis.control_mode, axis.input_vel = VELOCITY_CONTROL, velocity
        if velocity == 0:
            self.note(axis.number, "stop", {"by": "velocity"})

    def do_t(self, axis, goal, *_):
        axis.input_mode, axis.control_mode, axis.input_pos, axis.goal = TRAP_TRAJ, POSITION_CONTROL, goal, goal

    def do_f(self, axis, *_):
        return f"{axis.pos:f} {axis.vel:f}"

    def do_u(self, axis, *_):
        return None

    def system(self, which):
        if which == "c":
            self.system_error = 0
            for axis in self.axes:
                axis.errors = dict.fromkeys(axis.errors, 0)
        elif which == "r":
            self.reboot()

    def reboot(self):
        self.record("port", "rebooted")
        for axis in self.axes:
            axis.reset()

    # ---- properties

    def read(self, name):
        if name == "vbus_voltage":
            return "24.087744"
        if name == "error":
            return str(self.system_error)
        axis, rest = self.property(name)
        if axis is None:
            return "invalid property"
        value = {
            "error": axis.errors["axis"],
            "motor.error": axis.errors["motor"],
            "encoder.error": axis.errors["encoder"],
            "controller.error": axis.errors["controller"],
            "current_state": axis.state,
            "requested_state": 0,
            "config.watchdog_timeout": axis.watchdog_timeout,
            "config.enable_watchdog": axis.watchdog_enabled,
            "controller.input_pos": axis.input_pos,
            "controller.input_vel": axis.input_vel,
            "controller.pos_setpoint": axis.pos_setpoint,
            "controller.vel_setpoint": axis.vel_setpoint,
            "controller.trajectory_done": axis.goal is None,
            "controller.config.control_mode": axis.control_mode,
            "controller.config.input_mode": axis.input_mode,
            "controller.config.vel_limit": axis.vel_limit,
            "trap_traj.config.vel_limit": axis.trap_vel_limit,
            "trap_traj.config.accel_limit": axis.trap_accel,
            "trap_traj.config.decel_limit": axis.trap_decel,
        }.get(rest)
        if value is None:
            return "invalid property"
        # The firmware prints into ten bytes.
        return (f"{value:f}" if isinstance(value, float) else str(int(value)))[:9]

    def write(self, name, text):
        axis, rest = self.property(name)
        number = re.match(NUMBER, text)
        if axis is None:
            return "invalid property"
        if not number:
            return "not implemented"
        value = float(number[0])
        setters = {
            "error": lambda: axis.errors.__setitem__("axis", int(value)),
            "requested_state": lambda: self.request(axis, int(value)),
            "config.watchdog_timeout": lambda: setattr(axis, "watchdog_timeout", value),
            "config.enable_watchdog": lambda: setattr(axis, "watchdog_enabled", value != 0),
            "controller.input_vel": lambda: setattr(axis, "input_vel", value),
            "controller.config.control_mode": lambda: axis.set_control_mode(int(value)),
            "controller.config.input_mode": lambda: setattr(axis, "input_mode", int(value)),
            "controller.config.vel_limit": lambda: setattr(axis, "vel_limit", value),
            "trap_traj.config.vel_limit": lambda: setattr(axis, "trap_vel_limit", value),
            "trap_traj.config.accel_limit": lambda: setattr(axis, "trap_accel", value),
            "trap_traj.config.decel_limit": lambda: setattr(axis, "trap_decel", value),
        }
        if rest not in setters:
            return "invalid property"
        setters[rest]()
        return None

    def request(self, axis, state):
        if state == IDLE:
            self.note(axis.number, "stop", {"by": "idle"})
        axis.check(time.monotonic())
        if state == CLOSED_LOOP and axis.errors["axis"] & ~INVALID_STATE:
            return
        axis.request_state(state)

    def property(self, name):
        match = re.fullmatch(r"axis([01])\.(.+)", name)
        return (self.axes[int(match[1])], match[2]) if match else (None, "")

    # ---- the test's commands

    def obey(self, line):
        word, *args = line.split() or [""]
        answer = {"done": line}
        if word == "unplug":
            self.unplug()
        elif word == "plug":
            self.plug()
        elif word == "freeze":
            self.frozen = args[0] == "on"
        elif word == "mute":
            self.mute = int(args[0])
        elif word == "lose":
            self.lose = int(args[0])
        elif word == "noise":
            self.noise = args[0] == "on"
        elif word == "garbage":
            self.send(bytes(range(256)) * 3)
        elif word == "fault":
            self.axes[int(args[0])].errors[args[1]] = int(args[2], 0)
        elif word == "uncalibrate":
            self.axes[int(args[0])].calibrated = False
        elif word == "reboot":
            self.reboot()
        elif word == "state":
            answer["axes"] = [
                {"state": a.state, "pos": a.pos, "vel": a.vel, "error": a.errors["axis"], "moving": a.moving,
                 "watchdog": a.watchdog_timeout if a.watchdog_enabled else 0}
                for a in self.axes
            ]
        else:
            answer = {"unknown": line}
        print(json.dumps(answer), flush=True)

    # ---- time

    def run(self):
        self.plug()
        print(json.dumps({"ready": self.options.path}), flush=True)
        stdin, orders = sys.stdin.fileno(), b""
        last = time.monotonic()
        while True:
            busy = any(axis.busy() for axis in self.axes)
            due = [a.watchdog_due for a in self.axes if a.watchdog_enabled and not a.errors["axis"] & WATCHDOG_EXPIRED]
            now = time.monotonic()
            wait = STEP_S if busy else min([max(0.0, at - now) for at in due], default=1.0)
            sources = [stdin] + ([self.master] if self.master is not None and not self.frozen else [])
            readable, _, _ = select.select(sources, [], [], wait)
            now = time.monotonic()
            self.advance(last, now)
            last = now
            if self.master in readable:
                self.receive()
            if stdin in readable:
                data = os.read(stdin, 4096)
                if not data:
                    break
                *lines, orders = (orders + data).split(b"\n")
                for line in lines:
                    self.obey(line.decode())

    def advance(self, last, now):
        """Steps both axes from `last` to `now`: a late turn must not make the motion coarser."""
        while now - last > 1e-6:
            dt = min(STEP_S, now - last)
            last += dt
            for axis in self.axes:
                axis.check(last)
                if axis.busy():
                    axis.step(dt)


def xor(text):
    checksum = 0
    for char in text:
        checksum ^= ord(char) & 0xFF
    return checksum


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", required=True, help="symbolic link to make to the pseudo-terminal")
    parser.add_argument("--log", help="file that gets one JSON line per event")
    parser.add_argument("--name", default="", help="put before each device name of the log")
    parser.add_argument("--lag-ms", type=float, default=20, help="time constant of the velocity in closed loop")
    parser.add_argument("--coast-ms", type=float, default=50, help="time constant of the velocity without power")
    parser.add_argument("--accel", type=float, default=20, help="limit of a trajectory, turns per second squared")
    options = parser.parse_args()
    drive = Drive(options)
    try:
        drive.run()
    finally:
        drive.unplug()


if __name__ == "__main__":
    main()
