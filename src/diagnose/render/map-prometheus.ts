// The map as gauges in Prometheus' text format. Labels: the subnet and its zone, both from a closed set. A gauge whose value is
// not known has no sample: an alert on it should look for its absence too.

import { BLOCK_STATES } from "../../subnet/index.ts";
import type { MapDocument, SubnetDocument } from "./map-document.ts";

interface Gauge {
  readonly name: string;
  readonly help: string;
  /** Further labels and the value of each sample; undefined: no sample. */
  readonly samples: (
    subnet: SubnetDocument,
  ) => readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number | null }[];
}

const GAUGES: readonly Gauge[] = [
  {
    name: "slash28_subnet_available_addresses",
    help: "Free addresses as EC2 counts them; without EC2's own count, as the ENIs leave them.",
    samples: (one) => [{ value: one.available.reported ?? one.available.counted }],
  },
  {
    name: "slash28_subnet_free_prefixes",
    help: "Free aligned /28s for certain: the least that holds, whatever is missing from what was read.",
    samples: (one) => [{ value: one.freePrefixes.min }],
  },
  {
    name: "slash28_subnet_free_prefixes_max",
    help: "The most free aligned /28s that there can be; equal to slash28_subnet_free_prefixes where the map is exact.",
    samples: (one) => [{ value: one.freePrefixes.max }],
  },
  {
    name: "slash28_subnet_blocks",
    help: "Aligned /28 blocks by state: free, delegated, broken, full, edge, reserved.",
    samples: (one) => BLOCK_STATES.map((state) => ({ labels: { state }, value: one.blocks[state] })),
  },
  {
    name: "slash28_subnet_fragmentation_ratio",
    help: "Unused addresses that no /28 can use, of all unused ones.",
    samples: (one) => [{ value: one.fragmentation }],
  },
  {
    name: "slash28_subnet_recoverable_blocks",
    help: "Broken blocks that the best single release would win back.",
    samples: (one) => [{ value: one.releases.units[0]?.freed.length ?? 0 }],
  },
  {
    name: "slash28_subnet_hours_to_zero",
    help: "Hours until nothing is left at the slope of the last readings; no sample while nothing falls.",
    samples: (one) => [
      { labels: { of: "addresses" }, value: one.hoursToZero.addresses },
      { labels: { of: "prefixes" }, value: one.hoursToZero.prefixes },
    ],
  },
];

/** What a watch knows of itself. */
export interface WatchState {
  readonly lastReadMs: number;
  readonly readCount: number;
  readonly failedReadCount: number;
}

export function mapPrometheus(document: MapDocument, watch?: WatchState): string {
  const lines: string[] = [];
  for (const gauge of GAUGES) {
    lines.push(`# HELP ${gauge.name} ${gauge.help}`, `# TYPE ${gauge.name} gauge`);
    for (const subnet of document.subnets)
      for (const { labels, value } of gauge.samples(subnet))
        if (value !== null)
          lines.push(`${gauge.name}${labelText({ subnet: subnet.id, zone: subnet.zone ?? "", ...labels })} ${value}`);
  }
  if (watch !== undefined)
    lines.push(
      "# HELP slash28_map_last_read_timestamp_seconds When the subnets were read last, in seconds since 1970.",
      "# TYPE slash28_map_last_read_timestamp_seconds gauge",
      `slash28_map_last_read_timestamp_seconds ${watch.lastReadMs / 1000}`,
      "# HELP slash28_map_reads_total Readings of all subnets.",
      "# TYPE slash28_map_reads_total counter",
      `slash28_map_reads_total ${watch.readCount}`,
      "# HELP slash28_map_failed_reads_total Readings that failed; the numbers are then those of the last that did not.",
      "# TYPE slash28_map_failed_reads_total counter",
      `slash28_map_failed_reads_total ${watch.failedReadCount}`,
    );
  return `${lines.join("\n")}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`,
  );
  return `{${parts.join(",")}}`;
}
