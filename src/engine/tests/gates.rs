//! Tests of gates.
