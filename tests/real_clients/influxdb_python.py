"""Runs the live suite that ships in influxdb-python, which starts `influxd` itself.

The suite is published without its configuration template, and imports a module that pandas no longer has; both are supplied here.
The exit status is 0 if all tests pass. The last line says how many ran, and how many the suite itself skips.
"""

import os
import sys
import types
import unittest

import pandas.testing

module = types.ModuleType("pandas.util.testing")
module.assert_frame_equal = pandas.testing.assert_frame_equal
sys.modules["pandas.util.testing"] = module

from influxdb.tests.server_tests import client_test_with_server as live  # noqa: E402

TEMPLATE = """
bind-address = ":{global_port}"

[meta]
  dir = "{meta_dir}"
[data]
  dir = "{data_dir}"
  wal-dir = "{wal_dir}"
[http]
  bind-address = ":{http_port}"
[[udp]]
  enabled = {udp_enabled}
  bind-address = ":{udp_port}"
  database = "db"
  batch-size = 1
"""

template = os.path.join(sys.argv[1], "influxdb.conf.template")
with open(template, "w") as file:
    file.write(TEMPLATE)
for case in vars(live).values():
    if hasattr(case, "influxdb_template_conf"):
        case.influxdb_template_conf = template

result = unittest.TextTestRunner(stream=sys.stderr).run(unittest.defaultTestLoader.loadTestsFromModule(live))
print(f"{result.testsRun} run, {len(result.skipped)} skipped")
sys.exit(not result.wasSuccessful())
