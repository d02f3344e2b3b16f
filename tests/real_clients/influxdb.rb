# A session with Debian's ruby-influxdb. Usage: ruby influxdb.rb HOST PORT
require "influxdb"

def equal(what, got, expected)
  raise "#{what}: #{got.inspect} instead of #{expected.inspect}" unless got == expected
end

host, port = ARGV
InfluxDB::Logging.logger = false
client = InfluxDB::Client.new("ruby", host: host, port: port.to_i, time_precision: "s", retry: 0)
raise client.version unless client.version.start_with?("1.2")

client.create_database("ruby")
equal("databases", client.list_databases.map { |database| database["name"] }.include?("ruby"), true)
note = "say \"hi\", a=b \\ c"
client.write_point("wave", values: { value: 1.5, count: 3, on: true, note: note }, tags: { "kind" => "a b,c=d" }, timestamp: 1488326400)
client.write_points([
  { series: "wave", values: { value: 2.5, count: 4 }, tags: { kind: "x" }, timestamp: 1488326460 },
  { series: "wave", values: { value: 4.5, count: 5 }, tags: { kind: "x" }, timestamp: 1488326520 },
])
rows = client.query("SELECT * FROM wave")
equal("rows", rows[0]["values"].map { |row| row["value"] }, [1.5, 2.5, 4.5])
equal("note", rows[0]["values"][0]["note"], note)
equal("tag", rows[0]["values"][0]["kind"], "a b,c=d")
groups = client.query("SELECT mean(value) FROM wave GROUP BY kind")
equal("groups", groups.map { |group| [group["tags"]["kind"], group["values"][0]["mean"]] }, [["a b,c=d", 1.5], ["x", 3.5]])
bound = client.query("SELECT value FROM wave WHERE kind = %{kind}", params: { kind: "a b,c=d" })
equal("parameters", bound[0]["values"].length, 1)
chunks = client.query("SELECT value FROM wave", chunk_size: 1)
equal("chunks", chunks.sum { |chunk| chunk["values"].length }, 3)
equal("measurements", client.list_series, ["wave"])

client.create_retention_policy("week", "ruby", "7d", 1)
client.alter_retention_policy("week", "ruby", "14d", 1)
equal("policies", client.list_retention_policies("ruby").map { |policy| [policy["name"], policy["duration"]] }, [["autogen", "0s"], ["week", "336h0m0s"]])
client.delete_retention_policy("week", "ruby")
client.create_continuous_query("means", "ruby", "SELECT mean(value) INTO means FROM wave GROUP BY time(1h)")
equal("queries", client.list_continuous_queries("ruby").map { |query| query["name"] }, ["means"])
client.delete_continuous_query("means", "ruby")
client.create_database_user("ruby", "ada", "a b")
client.grant_user_privileges("ada", "ruby", :read)
grants = JSON.parse(client.list_user_grants("ada").body)["results"][0]["series"][0]
equal("grants", grants["values"], [["ruby", "READ"]])
client.update_user_password("ada", "other")
client.delete_user("ada")
equal("users", client.list_users, [])

def refused(text)
  yield
  raise "not refused: #{text}"
rescue InfluxDB::Error => e
  raise "#{e.message} instead of #{text}" unless e.message.include?(text)
end
refused("error parsing query") { client.query("SELEC") }
refused("database not found") { client.write_point("m", { values: { v: 1 } }, "s", nil, "absent") }
client.delete_series("wave", where: "kind = 'x'") if client.method(:delete_series).arity != 1
client.delete_database("ruby")
