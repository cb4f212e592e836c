// The outlines of letters in a square from (-0.5, 0) to (0.5, 1), for the logo.

/** Points of an arc of an ellipse around the middle of the square, angles in degrees. */
function arc(width, height, from, to) {
  const steps = 24;
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180;
    return [(width / 2) * Math.cos(angle), 0.5 + (height / 2) * Math.sin(angle)];
  });
}

// A cut of zero width joins the counter of A to its outline, so that each letter is one polygon.
const GLYPHS = {
  A: [
    [-0.46, 0], [-0.12, 1], [0.12, 1], [0.46, 0], [0.25, 0], [0.17, 0.26], [-0.17, 0.26],
    [-0.11, 0.44], [0.11, 0.44], [0, 0.8], [-0.11, 0.44], [-0.17, 0.26], [-0.25, 0],
  ],
  C: [...arc(0.9, 1, 42, 318), ...arc(0.48, 0.66, 312, 48)],
  G: [
    ...arc(0.9, 1, 42, 330), [0.45, 0.25], [0.45, 0.52], [0.05, 0.52], [0.05, 0.36], [0.24, 0.36],
    ...arc(0.48, 0.66, 325, 48),
  ],
  T: [
    [-0.44, 1], [0.44, 1], [0.44, 0.83], [0.11, 0.83], [0.11, 0], [-0.11, 0], [-0.11, 0.83],
    [-0.44, 0.83],
  ],
};
const BAR = [[-0.5, 0], [-0.5, 1], [0.5, 1], [0.5, 0]];

/** Adds a glyph to the points of a polygon trace, centred at `x`. */
function stamp(points, glyph, x, width, height) {
  for (const [u, v] of glyph) {
    points.x.push(x + u * width);
    points.y.push(v * height);
  }
  points.x.push(null);
  points.y.push(null);
}
