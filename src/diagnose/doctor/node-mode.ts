// Whether the agents hand out prefixes or single addresses, as far as settings or logs say.

import type { Facts } from "../facts/model.ts";
import { effectiveSettings } from "../facts/settings.ts";
import { isSettingKnown } from "./node-capacity.ts";

/** True where it is known that all agents are in this mode; false where not, or where nothing says. */
export function isModeKnown(facts: Pick<Facts, "settings" | "logs">, mode: "prefix" | "secondary"): boolean {
  const logged = new Set(facts.logs.flatMap((log) => log.mode ?? []));
  if (logged.size > 0) return logged.size === 1 && logged.has(mode);
  const settings = effectiveSettings(facts);
  return isSettingKnown(settings, "ENABLE_PREFIX_DELEGATION") && settings.prefixDelegation === (mode === "prefix");
}
