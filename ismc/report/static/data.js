// The index of all sequences, and one sequence at a time, decoded when it is looked at.

const index = JSON.parse(document.getElementById("index").textContent);
const LETTERS = "ACGT";
const NOTHING = 2 ** 32 - 1;
const counts = { decoded: 0 }; // how often a sequence was decoded

const first = index.sites.reduce((found, site) => Math.min(found, site[0]), Infinity);
const last = index.sites.reduce((found, site) => Math.max(found, site[1]), 0);
const columns = columnsOf(index.sites);

/** The site that is drawn at each position from `first` to `last`; -1 where there is none.
 *  A site fills its positions; where sites overlap, each is drawn in its middle alone. */
function columnsOf(sites) {
  const found = new Int32Array(last - first).fill(-1);
  const overlap = sites.some(([start, stop], site) => {
    const taken = found.subarray(start - first, stop - first).some((other) => other >= 0);
    found.fill(site, start - first, stop - first);
    return taken;
  });
  if (overlap) {
    found.fill(-1);
    sites.forEach(([start, stop], site) => (found[((start + stop - 1) >> 1) - first] = site));
  }
  return found;
}

/** The bytes of a sequence; `ismc.report.entries` says what they are. */
async function inflated(entry) {
  const text = document.querySelector(`script[data-entry="${entry}"]`).textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** A sequence: its letters, the scores of all tracks, and its strongest substitutions. */
async function decoded(entry) {
  const buffer = await inflated(entry);
  counts.decoded += 1;
  const sites = index.sites.length;
  const size = index.tracks.length * 4 * sites;
  const codes = 4 * index.tracks.length * index.peaks;
  const letters = new Uint8Array(buffer, codes, last - first);
  const high = new Int8Array(buffer, codes + letters.length, size);
  const low = new Uint8Array(buffer, codes + letters.length + size, size);
  const strongest = new DataView(buffer, 0, codes);
  return {
    entry,
    /** The letter at a position: A, C, G, T or N. */
    letter: (position) => (LETTERS + "N")[letters[position - first]],
    /** A score; null where it is not finite. */
    score(track, site, letter) {
      const at = (track * 4 + letter) * sites + site;
      const step = high[at] * 256 + low[at];
      return step < -index.levels ? null : (step * index.tops[entry][track]) / index.levels;
    },
    /** The strongest substitutions of a track, as pairs of site and letter. */
    strongest(track) {
      return Array.from({ length: index.peaks }, (_, i) =>
        strongest.getUint32(4 * (track * index.peaks + i), true),
      )
        .filter((code) => code !== NOTHING)
        .map((code) => [code >> 2, code & 3]);
    },
    /** The letters of a site. */
    there([start, stop]) {
      return Array.from({ length: stop - start }, (_, i) => this.letter(start + i)).join("");
    },
  };
}

/** Which letter is at all positions of a site, as a number; -1 where there is none. */
function sameLetter(sequence, [start, stop]) {
  const there = sequence.there([start, stop]);
  return [...there].every((letter) => letter === there[0]) ? LETTERS.indexOf(there[0]) : -1;
}

/** How much the letter of a site contributes: its score above the mean of all four. */
function contribution(scores, own) {
  if (own < 0 || scores.includes(null)) return null;
  return scores[own] - scores.reduce((sum, score) => sum + score, 0) / 4;
}

/** How much a site matters: sqrt(sum d^2 / 3), where d are differences from its own letter. */
function importance(scores, own) {
  if (scores.includes(null)) return null;
  const base = own < 0 ? 0 : scores[own];
  return Math.sqrt(scores.reduce((sum, score) => sum + (score - base) ** 2, 0) / 3);
}

/** A number as it is shown: four digits. */
function shown(value) {
  return value === null ? "not a number" : String(Number(value.toPrecision(4)));
}

/** Where a sequence is in the genome, `chr1:1,000-1,200`; nothing where that is not known. */
function placeOf(entry, from = 0, to = index.length) {
  if (!index.places) return "";
  const start = index.places.start[entry];
  const [a, b] = [start + from, start + to].map((at) => at.toLocaleString("en"));
  return `${index.places.chrom[entry]}:${a}-${b}`;
}
