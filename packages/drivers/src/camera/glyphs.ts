export const GLYPH_WIDTH = 3;
export const GLYPH_HEIGHT = 5;

/** Letters of 3x5 dots: an octal digit per row from the top, its bits from left to right. */
const GLYPHS: Readonly<Record<string, string>> = {
  ...{ "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757" },
  ...{ "7": "71122", "8": "75757", "9": "75717", "-": "00700", ".": "00002", ":": "02020" },
  ...{ A: "25755", B: "65656", C: "34443", D: "65556", E: "74647", F: "74644", G: "34553", H: "55755", I: "72227" },
  ...{ J: "11152", K: "55655", L: "44447", M: "57755", N: "65555", O: "25552", P: "65644", Q: "25573", R: "65655" },
  ...{ S: "34216", T: "72222", U: "55557", V: "55552", W: "55775", X: "55255", Y: "55222", Z: "71247" },
};

const BLANK = "00000";

export function glyphRows(character: string): readonly number[] {
  return [...(GLYPHS[character.toUpperCase()] ?? BLANK)].map(Number);
}
