//! SNMP's system group.
