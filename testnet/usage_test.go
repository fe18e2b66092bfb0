package testnet

import (
	"os"
	"testing"
)

func TestUsageOfThisProcess(t *testing.T) {
	u, err := UsageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if u.ResidentBytes < 1<<20 || u.PeakBytes < u.ResidentBytes/2 || u.CPUSeconds < 0 || u.CPUSeconds > 3600 || u.ReadBytes < 1 {
		t.Errorf("usage %+v", u)
	}
}
