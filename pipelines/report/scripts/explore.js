// What is in the page's data, asked for a scope: whole hours [from, to) since the data's hour 0.
const data = JSON.parse(document.getElementById("page-data").textContent);
const LEVELS = ["session", "role", "root", "account"];
const KNOWN = "known", NEW = "new_in_45_days", NEVER = "never_seen";
const PANELS = { geolocations: "city", api_calls: "api", asos: "asn", user_agents: "user_agent" };

// Counts of sparse hours, flat triples [hour, ok, failed, …]: [ok, failed, first hour].
function counted(hours, scope) {
  let ok = 0, failed = 0, first = null;
  for (let i = 0; i < hours.length; i += 3) {
    if (hours[i] < scope.from) continue;
    if (hours[i] >= scope.to) break;
    ok += hours[i + 1];
    failed += hours[i + 2];
    if (first === null && hours[i + 1] + hours[i + 2] > 0) first = hours[i];
  }
  return { ok, failed, first };
}

// What a level knew of a value before the scope began; null where the level has no principal.
function status(place, from) {
  if (place < 0) return null;
  const [firstEver, lastBefore, firstWithin] = data.knowns[place];
  if (firstEver === null || firstEver >= from) return NEVER;
  const isRecent = (firstWithin !== null && firstWithin < from)
    || (lastBefore !== null && lastBefore >= from - 24 * data.baselineDays);
  return isRecent ? KNOWN : NEW;
}

function isInTraining(entity, from) {
  const since = data.entities[entity].since.session;
  return since === null || since === undefined || from * 3600 - since < 14 * 86400;
}

function valuesIn(dimension, scope) {
  return data.dimensions[dimension].values.flatMap(([value, entity, hours, knowns, latitude, longitude, sourceIps]) => {
    const { ok, failed, first } = counted(hours, scope);
    if (ok + failed === 0) return [];
    const levels = knowns.map((place) => status(place, scope.from));
    levels[0] ??= NEVER;
    return [{ value, entity, ok, failed, first, levels, latitude, longitude, sourceIps, isNew: levels[0] !== KNOWN,
      isInTraining: isInTraining(entity, scope.from) }];
  });
}

const restIn = (dimension, scope) => ({ count: data.dimensions[dimension].rest[0], ...counted(data.dimensions[dimension].rest[1], scope) });

// The rows of a panel; a country stands for itself only where no city of the scope accounts for it.
function noveltiesIn(panel, scope) {
  const rows = valuesIn(PANELS[panel], scope);
  if (panel !== "geolocations") return rows;
  const key = (row) => `${row.entity}\n${row.value.split(", ").at(-1)}`;
  const located = new Set(rows.map(key));
  return [...rows, ...valuesIn("country", scope).filter((row) => !located.has(`${row.entity}\n${row.value}`))];
}

function surgesIn(scope) {
  const length = scope.to - scope.from, most = Math.floor(data.baselineDays * 24 / length);
  const candidates = data.dimensions.api.values.flatMap(([value, entity, hours]) => {
    const { ok, failed } = counted(hours, scope), since = data.entities[entity].since.session;
    if (ok + failed === 0 || since === null || since === undefined) return [];
    const sums = new Map();
    for (let i = 0; i < hours.length && hours[i] < scope.from; i += 3) {
      const place = Math.floor((scope.from - hours[i] - 1) / length);
      if (place < most) sums.set(place, (sums.get(place) ?? 0) + hours[i + 1] + hours[i + 2]);
    }
    const knownHours = (scope.from * 3600 - since) / 3600, windows = { count: 0, total: 0, totalOfSquares: 0, most: 0 };
    windows.count = most ? Math.min(most, Math.max(1, Math.ceil(knownHours / length))) : 0;
    for (const sum of sums.values()) {
      windows.total += sum;
      windows.totalOfSquares += sum * sum;
      windows.most = Math.max(windows.most, sum);
    }
    return [{ value, entity, count: ok + failed, windows }];
  });
  return findSurges(candidates).sort((a, b) => (b.isIncreased - a.isIncreased) || a.p - b.p);
}
