// Package chain holds answers of the ordinary DNS together with all that proves
// them: signed record sets, and the keys and delegations of the zones from theirs
// up to a trust anchor, in the order of RFC 9102. Whoever has an anchor can check
// such an answer, whoever gave it to him.
//
// It is pure: the time is handed in. It must never believe an unsigned record, and
// never do more work for a proof than its limits allow, whatever that says
// (compare KeyTrap, CVE-2023-50387): each set comes with one signature.
package chain
