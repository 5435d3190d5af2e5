// The faults of a cluster file on the emulated VPC: checked before the run, applied at their moments.

import type { Ms } from "../base/units.ts";
import type { Cluster, TimedFault } from "../cluster/index.ts";
import type { ControlOperation, ControlResult } from "../emulator/model/types.ts";
import { CONTROL_OPERATIONS, parseOperation } from "../emulator/server/control-operations.ts";
import type { Clock } from "../ports/clock.ts";
import { nearNames } from "../text/near-names.ts";

/** A fault that the emulator does not know, or that cannot be applied to this world: where, and what is wrong. */
export class FaultRefused extends Error {
  override readonly name = "FaultRefused";
}

export interface DueFault {
  readonly atMs: Ms;
  readonly operation: ControlOperation;
  readonly place: string;
}

/** `file`: a cluster file, or one of faults. `subnetIds`: from the cluster file's names of subnets to EC2's. */
export function checkFaults(
  file: Pick<Cluster, "fileName" | "faults">,
  subnetIds: ReadonlyMap<string, string>,
): DueFault[] {
  const problems: string[] = [];
  const faults = file.faults.flatMap((fault): DueFault[] => {
    try {
      return [checkFault(file.fileName, fault, subnetIds)];
    } catch (error) {
      if (!(error instanceof FaultRefused)) throw error;
      problems.push(error.message);
      return [];
    }
  });
  if (problems.length > 0) throw new FaultRefused(problems.join("\n"));
  return faults;
}

function checkFault(
  fileName: string,
  { atMs, operation, line, column }: TimedFault,
  subnetIds: ReadonlyMap<string, string>,
): DueFault {
  const place = `${fileName}:${line}:${column}`;
  const { op, ...fields } = operation;
  const definition = CONTROL_OPERATIONS.find((one) => one.name === op || one.op === op);
  if (definition === undefined) {
    const names = CONTROL_OPERATIONS.map((one) => one.name);
    const near = nearNames(String(op), names)[0];
    throw new FaultRefused(
      `${place}: there is no operation "${String(op)}"; ${near === undefined ? names.join(", ") : `did you mean ${near}?`}`,
    );
  }
  const subnetId = fields["subnetId"];
  if (typeof subnetId === "string" && !subnetIds.has(subnetId) && ![...subnetIds.values()].includes(subnetId)) {
    const names = [...subnetIds.keys()];
    const near = nearNames(subnetId, names)[0];
    const hint = near === undefined ? `subnets: ${names.join(", ")}` : `did you mean ${near}?`;
    throw new FaultRefused(`${place}: there is no subnet "${subnetId}"; ${hint}`);
  }
  const given = typeof subnetId === "string" ? { ...fields, subnetId: subnetIds.get(subnetId) ?? subnetId } : fields;
  const parsed = parseOperation(definition, given);
  if ("error" in parsed) throw new FaultRefused(`${place}: ${parsed.error}`);
  return { atMs, operation: parsed.operation, place };
}

interface Controlled {
  control(operation: unknown, nowMs: Ms): ControlResult;
}

/** Applies those that are there from the beginning. */
export function applyFirst(faults: readonly DueFault[], vpc: Controlled, nowMs: Ms): void {
  for (const fault of faults) {
    if (fault.atMs > 0) continue;
    const result = vpc.control(fault.operation, nowMs);
    if (!result.ok) throw new FaultRefused(`${fault.place}: ${result.error}`);
  }
}

/** Plans the others, counted from now. */
export function applyLater(
  faults: readonly DueFault[],
  vpc: Controlled,
  run: { readonly clock: Clock; readonly onText: (text: string) => void },
): void {
  const startMs = run.clock.nowMs();
  for (const fault of faults) {
    if (fault.atMs <= 0) continue;
    run.clock.at(startMs + fault.atMs, () => {
      const result = vpc.control(fault.operation, run.clock.nowMs());
      run.onText(result.ok ? `${fault.operation.op} applied` : `${fault.place}: ${result.error}`);
    });
  }
}
