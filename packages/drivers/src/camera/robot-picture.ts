import { linkEnds } from "../arm/planar-chain.js";
import type { Pictured, Portrait } from "../fake/portrait.js";
import { type Canvas, createCanvas, lineHeightPx, type Point } from "./canvas.js";

/** Colours by index; the first is the ground. */
export const PALETTE = [
  [24, 28, 36],
  [48, 54, 66],
  [70, 130, 180],
  [230, 230, 230],
  [240, 170, 60],
  [220, 80, 70],
  [90, 190, 110],
] as const;
const COLOR = { ground: 0, grid: 1, body: 2, text: 3, arm: 4, front: 5, good: 6 } as const;

/** 640 px show a bit more than 4 m. */
const PX_PER_MM = 0.15;
const GRID_MM = 500;
const DEG = 180 / Math.PI;
const TEXT_SCALE = 2;
const MARGIN_PX = 8;
/** Side of the field in which a gripper, servo or motor is drawn, along the lower edge. */
const DIAL_PX = 72;

type BasePortrait = Extract<Portrait, { kind: "base" }>;

/** The robot from above, as it is now: the view follows the first base, arms stand on it, the rest are dials below. */
export function drawRobot(parts: readonly Pictured[], widthPx: number, heightPx: number): Canvas {
  const canvas = createCanvas(widthPx, heightPx, COLOR.ground);
  const seen = parts.map((part) => ({ name: part.name, look: part.portrait() }));
  const looks = seen.map(({ look }) => look);
  const base = looks.find((look): look is BasePortrait => look.kind === "base");
  const center = { x: widthPx / 2, y: heightPx / 2 };
  const view = { xMm: base?.xMm ?? 0, yMm: base?.yMm ?? 0 };
  const onScreen = (xMm: number, yMm: number): Point => ({
    x: center.x + (xMm - view.xMm) * PX_PER_MM,
    y: center.y - (yMm - view.yMm) * PX_PER_MM,
  });

  drawGrid(canvas, view, onScreen);
  for (const look of looks) if (look.kind === "base") drawBase(canvas, look, onScreen);
  const headingDeg = base?.headingDeg ?? 0;
  for (const look of looks) {
    if (look.kind === "arm") drawArm(canvas, onScreen(view.xMm, view.yMm), look.jointsDeg, look.linkMm, headingDeg);
  }
  const dials = looks.filter((look) => look.kind === "gripper" || look.kind === "servo" || look.kind === "motor");
  dials.forEach((look, index) => {
    drawDial(canvas, { x: (index + 0.5) * DIAL_PX, y: heightPx - DIAL_PX / 2 }, look);
  });
  seen.forEach(({ name, look }, index) => {
    const at = { x: MARGIN_PX, y: MARGIN_PX + index * lineHeightPx(TEXT_SCALE) };
    canvas.text(at, `${name} ${caption(look)}`, TEXT_SCALE, COLOR.text);
  });
  return canvas;
}

function drawGrid(
  canvas: Canvas,
  view: { xMm: number; yMm: number },
  onScreen: (xMm: number, yMm: number) => Point,
): void {
  const reachMm = canvas.widthPx / PX_PER_MM;
  const firstX = Math.floor((view.xMm - reachMm) / GRID_MM) * GRID_MM;
  const firstY = Math.floor((view.yMm - reachMm) / GRID_MM) * GRID_MM;
  for (let offset = 0; offset <= 2 * reachMm + GRID_MM; offset += GRID_MM) {
    const { x } = onScreen(firstX + offset, 0);
    canvas.line({ x, y: 0 }, { x, y: canvas.heightPx }, 1, COLOR.grid);
    const { y } = onScreen(0, firstY + offset);
    canvas.line({ x: 0, y }, { x: canvas.widthPx, y }, 1, COLOR.grid);
  }
}

function drawBase(canvas: Canvas, base: BasePortrait, onScreen: (xMm: number, yMm: number) => Point): void {
  const heading = base.headingDeg / DEG;
  /** A point `ahead` and `aside` (to the right) of the base's middle. */
  const near = (asideMm: number, aheadMm: number): Point =>
    onScreen(
      base.xMm + asideMm * Math.cos(heading) - aheadMm * Math.sin(heading),
      base.yMm + asideMm * Math.sin(heading) + aheadMm * Math.cos(heading),
    );
  const half = base.widthMm / 2;
  canvas.convex([near(-half, half), near(half, half), near(half, -half), near(-half, -half)], COLOR.body);
  canvas.convex([near(-half / 3, half * 0.6), near(half / 3, half * 0.6), near(0, half)], COLOR.front);
  for (const [asideMm, rpm] of [
    [-half, base.wheelsRpm.left],
    [half, base.wheelsRpm.right],
  ] as const) {
    canvas.line(near(asideMm, -half / 2), near(asideMm, half / 2), 10, rpm === 0 ? COLOR.text : COLOR.good);
  }
}

function drawArm(
  canvas: Canvas,
  shoulder: Point,
  jointsDeg: readonly number[],
  linkMm: number,
  headingDeg: number,
): void {
  // Joint angles count from the base's front, which looks along +y: a quarter turn from the chain's own x.
  const turn = (headingDeg + 90) / DEG;
  let from = shoulder;
  canvas.disc(from, 9, COLOR.arm);
  for (const { x, y } of linkEnds(jointsDeg, linkMm)) {
    const to = {
      x: shoulder.x + (x * Math.cos(turn) - y * Math.sin(turn)) * PX_PER_MM,
      y: shoulder.y - (x * Math.sin(turn) + y * Math.cos(turn)) * PX_PER_MM,
    };
    canvas.line(from, to, 6, COLOR.arm);
    canvas.disc(to, 5, COLOR.text);
    from = to;
  }
}

function drawDial(canvas: Canvas, { x, y }: Point, look: Portrait): void {
  const radius = DIAL_PX / 2 - MARGIN_PX;
  if (look.kind === "gripper") {
    const gap = 4 + look.openingFraction * (radius - 4);
    canvas.line({ x: x - radius, y: y + radius }, { x: x + radius, y: y + radius }, 6, COLOR.body);
    for (const side of [-1, 1]) {
      canvas.line({ x: x + side * gap, y: y - radius }, { x: x + side * gap, y: y + radius }, 6, COLOR.body);
    }
    if (look.holding) canvas.disc({ x, y: y - radius / 2 }, gap - 3, COLOR.good);
    return;
  }
  const angle =
    look.kind === "servo" ? look.angleDeg / DEG : look.kind === "motor" ? look.revolutions * 2 * Math.PI : 0;
  canvas.disc({ x, y }, radius, COLOR.grid);
  const tip = { x: x + radius * Math.cos(angle), y: y - radius * Math.sin(angle) };
  canvas.line({ x, y }, tip, 4, look.kind === "servo" ? COLOR.front : COLOR.good);
}

function caption(look: Portrait): string {
  const round = (value: number) => String(Math.round(value * 10) / 10);
  switch (look.kind) {
    case "base": {
      const wheels = `L ${round(look.wheelsRpm.left)} R ${round(look.wheelsRpm.right)} RPM`;
      return `X ${round(look.xMm)} Y ${round(look.yMm)} MM ${round(look.headingDeg)} DEG ${wheels}`;
    }
    case "arm":
      return `${look.jointsDeg.map(round).join(" ")} DEG`;
    case "gripper":
      return `${round(look.openingFraction * 100)} OPEN${look.holding ? " HOLDING" : ""}`;
    case "servo":
      return `${round(look.angleDeg)} DEG`;
    case "motor":
      return `${round(look.revolutions)} REV ${round(look.rpm)} RPM`;
  }
}
