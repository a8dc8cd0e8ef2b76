/** Under what names a configuration may ask for a fake: Viam's. */
export const FAKE_NAMES = ["fake", "rdk:builtin:fake"] as const;
