// Cron schedules of CronJobs: five fields in UTC, the names `@hourly` and their like, months and weekdays by name.

import { civilDate } from "../base/calendar.ts";
import { MINUTE_MS, type Ms } from "../base/units.ts";

export interface CronSchedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** With both day fields restricted either one is enough, as in Vixie cron. */
  readonly isEitherDay: boolean;
}

const SHORTHANDS: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** undefined when the text is no schedule. */
export function parseCron(text: string): CronSchedule | undefined {
  const fields = (SHORTHANDS.get(text.trim()) ?? text).trim().split(/\s+/);
  if (fields.length !== 5) return undefined;
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  const minutes = parseField(minute, 0, 59, []);
  const hours = parseField(hour, 0, 23, []);
  const days = parseField(day.replace("?", "*"), 1, 31, []);
  const months = parseField(month, 1, 12, ["", ...MONTHS]);
  const weekdays = parseField(weekday.replace("?", "*"), 0, 7, WEEKDAYS);
  if (!minutes || !hours || !days || !months || !weekdays) return undefined;
  if (weekdays.delete(7)) weekdays.add(0);
  const isEitherDay = !/^[*?]/.test(day) && !/^[*?]/.test(weekday);
  return { minutes, hours, days, months, weekdays, isEitherDay };
}

function parseField(text: string, min: number, max: number, names: readonly string[]): Set<number> | undefined {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^(?:\*|([a-z\d]+)(?:-([a-z\d]+))?)(?:\/(\d+))?$/i.exec(part);
    if (match === null) return undefined;
    const step = match[3] === undefined ? 1 : Number(match[3]);
    const low = match[1] === undefined ? min : parseValue(match[1], names);
    const hasOneValue = match[1] !== undefined && match[2] === undefined && match[3] === undefined;
    const high = match[2] !== undefined ? parseValue(match[2], names) : hasOneValue ? low : max;
    if (low === undefined || high === undefined || low < min || high > max || low > high || step < 1) return undefined;
    for (let value = low; value <= high; value += step) values.add(value);
  }
  return values;
}

function parseValue(text: string, names: readonly string[]): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = names.indexOf(text.toLowerCase());
  return index < 0 ? undefined : index;
}

/** The moments in (afterWallMs, untilWallMs] at which the schedule fires, at most `count`. */
export function cronTimes(schedule: CronSchedule, range: { afterWallMs: Ms; untilWallMs: Ms; count: number }): Ms[] {
  const times: Ms[] = [];
  let minute = Math.floor(range.afterWallMs / MINUTE_MS) + 1;
  const last = Math.floor(range.untilWallMs / MINUTE_MS);
  while (minute <= last && times.length < range.count) {
    const days = Math.floor(minute / 1440);
    if (!isOnDay(schedule, days)) {
      minute = (days + 1) * 1440;
      continue;
    }
    const ofDay = minute - days * 1440;
    if (schedule.hours.has(Math.floor(ofDay / 60)) && schedule.minutes.has(ofDay % 60)) times.push(minute * MINUTE_MS);
    minute++;
  }
  return times;
}

function isOnDay(schedule: CronSchedule, days: number): boolean {
  const date = civilDate(days);
  if (!schedule.months.has(date.month)) return false;
  const isDay = schedule.days.has(date.day);
  // 1970-01-01 was a Thursday.
  const isWeekday = schedule.weekdays.has((days + 4) % 7);
  return schedule.isEitherDay ? isDay || isWeekday : isDay && isWeekday;
}
