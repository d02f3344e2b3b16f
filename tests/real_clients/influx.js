// A session with the npm package `influx`: schema, writes, queries, users, backup of errors. Usage: node influx.js HOST PORT
const assert = require("node:assert");
const Influx = require("influx");

const [host, port] = process.argv.slice(2);

(async () => {
  const influx = new Influx.InfluxDB({
    host, port: Number(port), database: "node",
    schema: [{
      measurement: "response", tags: ["path"],
      fields: { took: Influx.FieldType.INTEGER, ratio: Influx.FieldType.FLOAT, ok: Influx.FieldType.BOOLEAN, text: Influx.FieldType.STRING },
    }],
  });
  const [answer] = await influx.ping(5000);
  assert(answer.online && /^1\.2/.test(answer.version), String(answer.version));

  await influx.createDatabase("node");
  assert((await influx.getDatabaseNames()).includes("node"));
  const text = 'say "hi", a=b\\c';
  await influx.writePoints([
    { measurement: "response", tags: { path: "/a b,c=d" }, fields: { took: 12, ratio: 0.5, ok: true, text }, timestamp: new Date("2017-03-01T00:00:00Z") },
    { measurement: "response", tags: { path: "/x" }, fields: { took: 30, ratio: 2, ok: false, text: "" }, timestamp: new Date("2017-03-01T00:01:00Z") },
  ]);
  await influx.writeMeasurement("response", [{ tags: { path: "/x" }, fields: { took: 50 }, timestamp: "1488326520000" }], { precision: "ms" });

  const rows = await influx.query("SELECT * FROM response ORDER BY time");
  assert.deepStrictEqual(rows.map((row) => row.took), [12, 30, 50]);
  assert.strictEqual(rows[0].text, text);
  assert.strictEqual(rows[0].path, "/a b,c=d");
  assert.strictEqual(rows[0].ok, true);
  assert.strictEqual(rows[0].time.toISOString(), "2017-03-01T00:00:00.000Z");
  assert.strictEqual(rows[2].ratio, null);

  const grouped = await influx.query("SELECT mean(took) AS mean FROM response GROUP BY path");
  assert.deepStrictEqual(grouped.groups().map((group) => [group.tags.path, group.rows[0].mean]), [["/a b,c=d", 12], ["/x", 40]]);
  const several = await influx.query(["SELECT count(took) FROM response", "SELECT max(took) FROM response"]);
  assert.deepStrictEqual(several.map((result) => result[0].count ?? result[0].max), [3, 50]);
  const bound = await influx.query("SELECT took FROM response WHERE path = $path", { placeholders: { path: "/a b,c=d" } });
  assert.deepStrictEqual(bound.map((row) => row.took), [12]);
  const escaped = await influx.query(`SELECT took FROM response WHERE path = ${Influx.escape.stringLit("/a b,c=d")}`);
  assert.strictEqual(escaped.length, 1);
  const nanoseconds = await influx.query("SELECT took FROM response LIMIT 1", { precision: "n" });
  assert.strictEqual(nanoseconds[0].time.getNanoTime(), "1488326400000000000");

  assert.deepStrictEqual(await influx.getMeasurements(), ["response"]);
  assert.deepStrictEqual(await influx.getSeries(), ["response,path=/a\\ b\\,c\\=d", "response,path=/x"]);
  await influx.createRetentionPolicy("week", { duration: "7d", replication: 1, isDefault: false, database: "node" });
  await influx.alterRetentionPolicy("week", { duration: "14d", replication: 1, database: "node" });
  const policies = await influx.showRetentionPolicies();
  assert.deepStrictEqual(policies.map((policy) => [policy.name, policy.duration, policy.default]), [["autogen", "0s", true], ["week", "336h0m0s", false]]);
  await influx.dropRetentionPolicy("week", "node");
  await influx.createUser("ada", "s3cret ' quote", false);
  await influx.grantPrivilege("ada", "READ", "node");
  assert.deepStrictEqual((await influx.getUsers()).map((user) => [user.user, user.admin]), [["ada", false]]);
  await influx.revokePrivilege("ada", "READ", "node");
  await influx.setPassword("ada", "other");
  await influx.dropUser("ada");
  await influx.createContinuousQuery("means", "SELECT mean(took) INTO means FROM response GROUP BY time(1m)", "node");
  assert.deepStrictEqual((await influx.showContinousQueries("node")).map((query) => query.name), ["means"]);
  await influx.dropContinuousQuery("means", "node");

  await assert.rejects(influx.query("SELEC 1"), /error parsing query: found SELEC, expected/);
  await assert.rejects(influx.query("SELECT 1 FROM response WHERE time > 'x'"), /invalid|at least one/);
  await assert.rejects(influx.writePoints([{ measurement: "response", fields: { took: 1 }, tags: { path: "x" } }], { database: "absent" }), /database not found/);
  await assert.rejects(influx.writePoints([{ measurement: "other", fields: { v: 1 } }, { measurement: "other", fields: { v: "text" } }]), /field type conflict/);
  await influx.dropSeries({ measurement: (m) => m.name("response"), where: (e) => e.tag("path").equals.value("/x") });
  assert.strictEqual((await influx.query("SELECT * FROM response")).length, 1);
  await influx.dropMeasurement("response");
  await influx.dropDatabase("node");
  assert(!(await influx.getDatabaseNames()).includes("node"));
})().catch((error) => { console.error(error); process.exit(1); });
