//! Tests of the signal functions.
