import { answerWith, type CallHandler, createStatus } from "@vigil/protocol";
import { Code } from "@vigil/shared";

/**
 * What a part may call at the gateway. Authority between parts travels as operation tokens (rules.md, R8), which no
 * driver of this version asks for: until one does, nothing is admitted this way.
 */
export const refusePartCalls: CallHandler = answerWith(
  createStatus(Code.unimplemented, "calls from a part into the robot are not served by this version"),
);
