-- Segments behind a tunnel: its kind as a number (0: none), and its VNI, key or session.

CREATE TABLE segments_by_tunnel (
  id INTEGER PRIMARY KEY,
  iface TEXT NOT NULL,
  vlan_outer INTEGER NOT NULL,
  vlan_inner INTEGER NOT NULL,
  tunnel_kind INTEGER NOT NULL,
  tunnel_id INTEGER NOT NULL,
  UNIQUE (iface, vlan_outer, vlan_inner, tunnel_kind, tunnel_id)
) STRICT;

INSERT INTO segments_by_tunnel SELECT id, iface, vlan_outer, vlan_inner, 0, 0 FROM segments;
DROP TABLE segments;
ALTER TABLE segments_by_tunnel RENAME TO segments;
