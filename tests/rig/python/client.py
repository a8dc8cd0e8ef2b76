"""A client of Viam's Python SDK that serves verbs over its standard streams; see serve-verbs.ts of @vigil/viam-client."""

import asyncio
import json
import sys
import time

from viam.components.arm import Arm, JointPositions
from viam.components.base import Base, Vector3
from viam.components.camera import Camera
from viam.components.sensor import Sensor
from viam.proto.robot import GetMachineStatusResponse
from viam.robot.client import RobotClient
from viam.rpc.dial import DialOptions

MARK = "@rig "


class Verbs:
    def __init__(self, robot):
        self.robot = robot
        self.base = Base.from_robot(robot, "base")
        self.arm = Arm.from_robot(robot, "arm")
        self.camera = Camera.from_robot(robot, "camera")
        self.sensor = Sensor.from_robot(robot, "sensor")

    async def session(self):
        # It starts one by itself, with the first command that needs it.
        await self.base.set_power(Vector3(x=0, y=0, z=0), Vector3(x=0, y=0, z=0))
        metadata = await self.robot._sessions_client.metadata
        return metadata["viam-sid"]

    async def names(self):
        await self.robot.refresh()
        return sorted(f"{n.subtype}/{n.name}" for n in self.robot.resource_names)

    async def version(self):
        v = await self.robot.get_version()
        return {"platform": v.platform, "version": v.version, "apiVersion": v.api_version}

    async def status(self):
        s = await self.robot.get_machine_status()
        running = s.state == GetMachineStatusResponse.State.STATE_RUNNING
        return {"running": running, "resources": sorted(f"{r.name.subtype}/{r.name.name}" for r in s.resources)}

    async def drive(self, power):
        await self.base.set_power(Vector3(x=0, y=power, z=0), Vector3(x=0, y=0, z=0))

    async def straight(self, mm, mm_per_sec):
        await self.base.move_straight(int(mm), mm_per_sec)

    async def baseMoving(self):
        return await self.base.is_moving()

    async def stopBase(self):
        await self.base.stop()

    async def moveArm(self, joints):
        await self.arm.move_to_joint_positions(JointPositions(values=joints))

    async def joints(self):
        return list((await self.arm.get_joint_positions()).values)

    async def stopArm(self):
        await self.arm.stop()

    async def readings(self):
        return dict(await self.sensor.get_readings())

    async def picture(self):
        images, _ = await self.camera.get_images()
        data = images[0].data
        return {"mime": str(images[0].mime_type), "bytes": len(data), "head": data[:4].hex(), "sum": hash(data)}

    async def stopAll(self):
        await self.robot.stop_all()

    async def operations(self):
        return [o.method for o in await self.robot.get_operations()]

    async def unknownResource(self):
        from viam.components.motor.client import MotorClient

        await MotorClient("no-such-motor", self.robot._channel).is_moving()

    async def measure(self, part, count, in_flight):
        read = self.base.is_moving if part == "main" else self.arm.is_moving
        times = []
        left = [count]

        async def worker():
            while left[0] > 0:
                left[0] -= 1
                at = time.perf_counter()
                await read()
                times.append((time.perf_counter() - at) * 1000)

        await asyncio.gather(*(worker() for _ in range(in_flight)))
        return times

    async def disconnect(self):
        await self.robot.close()


async def dial(way, url, host):
    address = url.removeprefix("http://")
    if way == "grpc":
        # An address with "localhost" in it is dialled directly.
        address = address.replace("127.0.0.1", "localhost")
    options = RobotClient.Options(
        refresh_interval=0,
        dial_options=DialOptions(insecure=True, disable_webrtc=way == "grpc", timeout=15),
    )
    return Verbs(await RobotClient.at_address(address, options))


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    state = {}
    tasks = set()

    def answer(value):
        sys.stdout.write(MARK + json.dumps(value) + "\n")
        sys.stdout.flush()

    async def perform(id, verb, args):
        try:
            if verb == "dial":
                at = loop.time()
                state["verbs"] = await dial(*args)
                value = (loop.time() - at) * 1000
            else:
                value = await getattr(state["verbs"], verb)(*args)
            answer({"id": id, "value": value})
        except BaseException as error:  # whatever an SDK throws is the test's to judge
            status = getattr(error, "status", None)
            code = status.value if status is not None else None
            answer({"id": id, "error": f"{type(error).__name__}: {getattr(error, 'message', None) or error}", "code": code})

    while line := await reader.readline():
        asked = json.loads(line)
        task = asyncio.ensure_future(perform(asked["id"], asked["verb"], asked["args"]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
