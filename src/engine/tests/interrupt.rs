//! Tests of interrupt.
