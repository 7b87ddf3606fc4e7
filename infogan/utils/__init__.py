"""What every folder uses: errors, random streams, progress, disk, memory limits, distributed sums."""
