// A session with the client that InfluxDB ships for Go. Usage: main URL
package main

import (
	"encoding/json"
	"fmt"
	"io/ioutil"
	"log"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	client "github.com/influxdata/influxdb/client/v2"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func equal(what string, got, expected interface{}) {
	if !reflect.DeepEqual(got, expected) {
		log.Fatalf("%s: %#v instead of %#v", what, got, expected)
	}
}

func main() {
	url := os.Args[1]
	c, err := client.NewHTTPClient(client.HTTPConfig{Addr: url, Timeout: 10 * time.Second})
	check(err)
	defer c.Close()
	_, version, err := c.Ping(time.Second)
	check(err)
	if !strings.HasPrefix(version, "1.2") {
		log.Fatal(version)
	}
	query := func(text string) *client.Response {
		answer, err := c.Query(client.NewQuery(text, "go", "ns"))
		check(err)
		check(answer.Error())
		return answer
	}
	query("CREATE DATABASE go")

	batch, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "go", Precision: "ns"})
	check(err)
	for i := 0; i < 1000; i++ {
		point, err := client.NewPoint("cpu", map[string]string{"host": fmt.Sprintf("h %d,=", i%10)},
			map[string]interface{}{"idle": float64(i) / 4, "count": i, "up": i%2 == 0, "note": "a \"b\" \\ c"}, time.Unix(1488326400+int64(i), 7))
		check(err)
		batch.AddPoint(point)
	}
	check(c.Write(batch))

	row := query("SELECT count(idle), sum(count), last(note) FROM cpu").Results[0].Series[0].Values[0]
	equal("aggregates", row[1:], []interface{}{json.Number("1000"), json.Number("499500"), "a \"b\" \\ c"})
	series := query("SELECT max(idle) FROM cpu GROUP BY host").Results[0].Series
	equal("groups", len(series), 10)
	equal("tags", series[9].Tags, map[string]string{"host": "h 9,="})
	first := query("SELECT * FROM cpu LIMIT 1").Results[0].Series[0]
	equal("columns", first.Columns, []string{"time", "count", "host", "idle", "note", "up"})
	equal("time", first.Values[0][0], json.Number("1488326400000000007"))

	bound, err := c.Query(client.NewQueryWithParameters("SELECT count FROM cpu WHERE host = $host AND count < $n", "go", "s",
		map[string]interface{}{"host": "h 3,=", "n": 20}))
	check(err)
	check(bound.Error())
	equal("parameters", len(bound.Results[0].Series[0].Values), 2)

	chunked := client.NewQuery("SELECT idle FROM cpu", "go", "ns")
	chunked.Chunked, chunked.ChunkSize = true, 100
	answer, err := c.Query(chunked)
	check(err)
	check(answer.Error())
	values := 0
	for _, result := range answer.Results {
		values += len(result.Series[0].Values)
	}
	equal("chunks", []int{len(answer.Results), values}, []int{10, 1000})

	answer, err = c.Query(client.NewQuery("SELEC", "go", ""))
	if err == nil {
		err = answer.Error()
	}
	if err == nil || !strings.HasPrefix(err.Error(), "error parsing query: found SELEC, expected") {
		log.Fatal("syntax error: ", err)
	}
	other, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "absent"})
	check(err)
	point, err := client.NewPoint("m", nil, map[string]interface{}{"v": 1})
	check(err)
	other.AddPoint(point)
	if err = c.Write(other); err == nil || !strings.Contains(err.Error(), "database not found") {
		log.Fatal("absent database: ", err)
	}
	conflict, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "go"})
	check(err)
	point, err = client.NewPoint("cpu", nil, map[string]interface{}{"idle": "text"}, time.Unix(1488326400, 0))
	check(err)
	conflict.AddPoint(point)
	if err = c.Write(conflict); err == nil || !strings.Contains(err.Error(), "conflict") {
		log.Fatal("conflict: ", err)
	}
	query("DROP DATABASE go")
	raw, err := http.Get(url + "/query?q=SHOW+DATABASES")
	check(err)
	body, err := ioutil.ReadAll(raw.Body)
	check(err)
	if strings.Contains(string(body), "\"go\"") {
		log.Fatal(string(body))
	}
}
