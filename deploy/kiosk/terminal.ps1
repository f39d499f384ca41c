# Starts a classroom terminal on Windows: Chrome or Edge in kiosk mode on /terminal, again if it ends.
# Usage: powershell -ExecutionPolicy Bypass -File terminal.ps1 -Server https://class.example
#        add -Install to start it by itself at every sign-in of this account.
param(
    [Parameter(Mandatory = $true)][string]$Server,
    [switch]$Install
)
$ErrorActionPreference = 'Stop'

if ($Server -notmatch '^https://' -and $Server -notmatch '^http://(localhost|127\.0\.0\.1)') {
    Write-Error "$Server is not https: the browser would give the page no camera."
    exit 2
}

$candidates = @(
    "$env:ProgramFiles\Google\Chrome\Application\chrome.exe",
    "${env:ProgramFiles(x86)}\Google\Chrome\Application\chrome.exe",
    "$env:ProgramFiles\Microsoft\Edge\Application\msedge.exe",
    "${env:ProgramFiles(x86)}\Microsoft\Edge\Application\msedge.exe"
)
$browser = $candidates | Where-Object { Test-Path $_ } | Select-Object -First 1
if (-not $browser) {
    Write-Error 'Neither Chrome nor Edge was found. Install one of them and start again.'
    exit 1
}

if ($Install) {
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-WindowStyle Hidden -ExecutionPolicy Bypass -File `"$PSCommandPath`" -Server $Server"
    $trigger = New-ScheduledTaskTrigger -AtLogOn -User $env:USERNAME
    Register-ScheduledTask -TaskName 'sync_classroom terminal' -Action $action -Trigger $trigger -Force | Out-Null
    Write-Output 'The terminal starts by itself at the next sign-in.'
}

# A classroom screen must not go dark in mid-lesson; the page holds a wake lock as well.
powercfg /change monitor-timeout-ac 0
powercfg /change standby-timeout-ac 0

$userData = Join-Path $env:LOCALAPPDATA 'sync_classroom\terminal'
New-Item -ItemType Directory -Force -Path $userData | Out-Null
$arguments = @(
    '--kiosk', '--no-first-run', '--noerrdialogs', '--disable-session-crashed-bubble',
    "--user-data-dir=$userData",
    '--use-fake-ui-for-media-stream',
    '--auto-select-desktop-capture-source=Entire screen',
    '--autoplay-policy=no-user-gesture-required',
    '--disable-features=Translate', '--overscroll-history-navigation=0', '--disable-pinch',
    "$Server/terminal"
)
while ($true) {
    Start-Process -FilePath $browser -ArgumentList $arguments -Wait
    Start-Sleep -Seconds 2
}
