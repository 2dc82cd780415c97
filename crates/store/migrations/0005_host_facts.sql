-- What decides about the status of hosts, and by what they are counted: read for all of them at once.
CREATE INDEX hosts_facts ON hosts (id, team_id, created_at, seen_time, distributed_interval, config_tls_refresh, platform);
