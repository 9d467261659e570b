// Package attack attacks the service as it is built for everybody, in the ways in which strangers and broken
// clients do, and holds it to what an attack may cost: memory, lines in the log, and the calls of others. The
// package consists of tests. How long the calls of an honest client take meanwhile, which is a process of its own, is
// printed, and not judged: STOKER_ATTACK_TIME=10s lets each attack go on for that long, for figures by hand.
package attack
