// A session with the npm package `influxdb-nodejs`. Usage: node influxdb_nodejs.js HOST PORT
const assert = require("node:assert");
const Influx = require("influxdb-nodejs");

const [host, port] = process.argv.slice(2);

(async () => {
  const client = new Influx(`http://${host}:${port}/nodejs`);
  await client.createDatabase();
  assert((await client.showDatabases()).includes("nodejs"));
  client.schema("http", { use: "i", url: "s", ok: "b", ratio: "f" }, { spdy: ["fast", "slow"], method: "*" }, { stripUnknown: true });
  await client.write("http").tag({ spdy: "fast", method: "GET" }).field({ use: 300, url: "https://example.com/?a=b,c d", ok: true, ratio: 1.5 })
    .time("1488326400000", "ms");
  await client.write("http").tag({ spdy: "slow", method: "POST" }).field({ use: 900, url: "x", ok: false, ratio: 2 }).time("1488326460", "s");
  const raw = await client.query("http").set({ order: "asc" });
  assert.deepStrictEqual(raw.results[0].series[0].values.map((row) => row[raw.results[0].series[0].columns.indexOf("use")]), [300, 900]);
  const found = await client.query("http").where("spdy", "fast").set({ format: "json" });
  assert.strictEqual(found.http.length, 1);
  assert.strictEqual(found.http[0].url, "https://example.com/?a=b,c d");
  const max = await client.query("http").addFunction("max", "use").addGroup("spdy").set({ format: "json" });
  assert.deepStrictEqual(max.http.map((row) => [row.spdy, row.max]).sort(), [["fast", 300], ["slow", 900]]);
  const windows = await client.query("http").addFunction("count", "use").addGroup("time(1m)")
    .set({ start: "2017-03-01T00:00:00Z", end: "2017-03-01T00:02:00Z", fill: 0, format: "json" });
  assert.deepStrictEqual(windows.http.map((row) => row.count), [1, 1, 0]);
  client.query("http").addFunction("min", "use").queue();
  client.query("http").addFunction("sum", "use").queue();
  const both = await client.syncQuery("json");
  assert.strictEqual(both.http[0].min, 300);
  assert.strictEqual(both.http[1].sum, 1200);
  client.write("http").tag({ spdy: "fast" }).field({ use: 1 }).queue();
  client.write("http").tag({ spdy: "slow" }).field({ use: 2 }).queue();
  await client.syncWrite();
  assert.deepStrictEqual(await client.showMeasurements(), ["http"]);
  assert.deepStrictEqual((await client.showTagKeys())[0].values.map((tag) => tag.key), ["method", "spdy"]);
  assert.deepStrictEqual((await client.showFieldKeys())[0].values.map((field) => [field.key, field.type]).sort(),
    [["ok", "boolean"], ["ratio", "float"], ["url", "string"], ["use", "integer"]]);
  assert((await client.showSeries()).includes("http,method=GET,spdy=fast"));
  await client.createRetentionPolicy("week", "7d");
  const policies = await client.showRetentionPolicies();
  assert.deepStrictEqual(policies.map((policy) => policy.name), ["autogen", "week"]);
  await client.dropRetentionPolicy("week");
  await assert.rejects(client.query("http").where("use ==").then(), /error parsing query/);
  await client.dropDatabase();
  assert(!(await client.showDatabases()).includes("nodejs"));
})().catch((error) => { console.error(error); process.exit(1); });
