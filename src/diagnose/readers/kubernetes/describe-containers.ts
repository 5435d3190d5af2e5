// The environment of a container as `kubectl describe` prints it.

import type { EnvEntry, SettingsSource } from "../../facts/model.ts";
import { type DescribeField, fieldNamed } from "./describe-text.ts";

/** Of the container so named; undefined when there is none, or its environment is not printed. */
export function describedEnv(
  containers: readonly DescribeField[],
  name: string,
  file: string,
): Pick<SettingsSource, "env" | "untold" | "isComplete" | "at"> | undefined {
  const container = containers.find((one) => one.key === name);
  const field = fieldNamed(container?.children ?? [], "Environment");
  if (container === undefined || field === undefined) return undefined;
  const named = field.children.filter((one) => /^[A-Za-z_][\w.-]*$/.test(one.key));
  const isReference = (one: DescribeField) => /^\(v1:|^<set to the key /.test(one.value);
  const untold = named.filter(isReference).map((one) => one.key);
  const env = named.flatMap((one): EnvEntry[] => {
    return !isReference(one)
      ? [{ name: one.key, value: one.value.trim(), isString: true, at: { file, line: one.line } }]
      : [];
  });
  const hasMore = fieldNamed(container.children, "Environment Variables from") !== undefined;
  return { env, untold, isComplete: !hasMore && field.children.length > 0, at: { file, line: field.line } };
}
