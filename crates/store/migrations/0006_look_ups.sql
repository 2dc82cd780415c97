-- Hosts are named by their serial numbers as well.
CREATE INDEX hosts_serial ON hosts (hardware_serial);
-- What the tasks that wait ask of a machine, and who is next among those that ask for the same.
CREATE INDEX tasks_wishes ON tasks (status, machine, platform, tags, priority DESC, added_on, id);
