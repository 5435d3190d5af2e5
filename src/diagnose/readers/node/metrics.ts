// The agent's metrics page in Prometheus' text format, also where a bundle calls it `metrics.json`. Buckets and quantiles are
// left out: no rule reads them, and they are most of the page.

import type { MetricSample, UnreadFile } from "../../facts/model.ts";
import type { FileReader } from "../reader.ts";

const PAGE = /^(?:# (?:HELP|TYPE) )?awscni_\w+(?:\{| )/m;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const IS_DETAIL = /_bucket$/;

/** A page of ours has some 300 lines; the largest clusters' pages have a few thousand. */
const SAMPLE_COUNT_MAX = 20_000;

export const METRICS_READER: FileReader = {
  kind: "metrics page",
  recognises({ head }) {
    return PAGE.test(head) && !/^\s*[{[]/.test(head);
  },
  read({ path, text, node }) {
    const samples: MetricSample[] = [];
    const unread: UnreadFile[] = [];
    let number = 0;
    for (const line of text.split("\n")) {
      number++;
      if (line === "" || line.startsWith("#")) continue;
      const match = SAMPLE.exec(line.trim());
      const value = match === null ? Number.NaN : numberOf(match[3] ?? "");
      if (match === null || Number.isNaN(value)) {
        if (line.trim() !== "" && unread.length === 0 && !/\sNaN(?:\s|$)/.test(line))
          unread.push({ file: path, line: number, reason: "is no sample of a metrics page" });
        continue;
      }
      const [, name = "", labelText = ""] = match;
      if (IS_DETAIL.test(name) || /(?:^|,)quantile="/.test(labelText)) continue;
      if (samples.length === SAMPLE_COUNT_MAX) {
        unread.push({
          file: path,
          line: number,
          reason: `more than ${SAMPLE_COUNT_MAX} samples: the rest is left out`,
        });
        break;
      }
      samples.push({ name, labels: labelsOf(labelText), value, at: { file: path, line: number } });
    }
    return { metrics: [{ node, samples, at: { file: path } }], unread };
  },
};

function numberOf(text: string): number {
  if (text === "+Inf" || text === "Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return Number(text);
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
  }
  return labels;
}
