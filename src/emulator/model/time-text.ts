// Times as EC2 and its tools write them: whole seconds, UTC.

import { formatRfc3339 } from "../../base/calendar.ts";
import type { Ms } from "../../base/units.ts";

/** `2026-01-02T03:04:05.000Z`, as EC2 writes launch and attach times. */
export function wireTime(wallMs: Ms): string {
  return formatRfc3339(wallMs).replace("Z", ".000Z");
}

/** `2026-01-02T03:04:05+00:00`: the wire's text as the AWS CLI prints it. */
export function cliTime(wireText: string): string {
  return wireText.replace(".000Z", "+00:00");
}
