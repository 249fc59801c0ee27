-- q11: how many bids each bidder made in each session of theirs, which ends with ten seconds without a bid.
SELECT bidder, COUNT(*) AS bids, SESSION_START(`dateTime`, INTERVAL '10' SECOND) AS first_bid,
       SESSION_END(`dateTime`, INTERVAL '10' SECOND) AS session_end
FROM bid
GROUP BY bidder, SESSION(`dateTime`, INTERVAL '10' SECOND)
